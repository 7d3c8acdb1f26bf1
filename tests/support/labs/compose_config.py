"""What Docker Compose itself makes of a compose file and a `.env`. No container engine is needed for that."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def compose_command() -> list[str]:
    """Docker Compose 2 or later as a plugin or as a program; the test is skipped where there is neither."""
    command = _found()
    if not command:
        pytest.skip("no Docker Compose on PATH")
    return command


@cache
def _found() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    return []


def compose_config(folder: Path, shell: Mapping[str, str] | None = None, *options: str) -> dict[str, Any]:
    """The compose file of `folder` as Compose reads it, with the variables `shell` and no others of this shell.

    Raises:
        AssertionError: Compose refuses the file, or took a variable for empty.
    """
    needed = {key: os.environ[key] for key in ("PATH", "HOME", "DOCKER_CONFIG") if key in os.environ}
    done = subprocess.run(
        [*compose_command(), "--project-directory", str(folder), *options, "config", "--format", "json"],
        env={**needed, **(shell or {})},
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0, said
    assert "variable is not set" not in said, said
    loaded: dict[str, Any] = _unescaped(json.loads(done.stdout))
    return loaded


def _unescaped(node: Any) -> Any:
    # Compose writes its output so that it can be read as a compose file again.
    if isinstance(node, str):
        return node.replace("$$", "$")
    if isinstance(node, list):
        return [_unescaped(item) for item in node]
    if isinstance(node, dict):
        return {key: _unescaped(item) for key, item in node.items()}
    return node

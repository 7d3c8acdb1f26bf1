"""A machine on which `docker` is a script that prints the recorded output of real ones (recorded_docker.py)."""

import shlex
from pathlib import Path

import pytest

from tests.unit.engines import recorded_docker as said

COMPOSE = "compose version --short"
VERSION = "version --format {{json .}}"
CONTEXT = "context inspect --format {{.Endpoints.docker.Host}}"
INFO = "info --format {{json .}}"
HANGS = (-1, "", "")


class Machine:
    """A PATH of its own, on which programs print given answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def program(self, name: str, answers: dict[str, str | tuple[int, str, str]]) -> None:
        """`answers` by arguments: what it prints, or (exit code, standard output, standard error)."""
        lines = ["#!/bin/sh", 'case "$*" in']
        for arguments, answer in answers.items():
            code, out, error = (0, answer, "") if isinstance(answer, str) else answer
            words = f"printf '%s\\n' {shlex.quote(out)}; printf '%s\\n' {shlex.quote(error)} >&2; exit {code}"
            lines.append(f"{shlex.quote(arguments)}) {'exec /bin/sleep 60' if answer == HANGS else words};;")
        file = self.folder / name
        file.write_text("\n".join([*lines, "esac", 'echo "not asked so far: $*" >&2; exit 99']))
        file.chmod(0o755)

    def docker(self, **changes: str | tuple[int, str, str]) -> None:
        """A healthy Docker, but for `changes`."""
        healthy: dict[str, str | tuple[int, str, str]] = {
            "program": said.DOCKER_PROGRAM,
            "context": said.ADDRESS,
            "compose": "5.0.2",
            "version": said.DOCKER_20,
            "info": said.INFO,
        }
        answers = healthy | changes
        names = {"program": "--version", "context": CONTEXT, "compose": COMPOSE, "version": VERSION, "info": INFO}
        self.program("docker", {names[key]: answer for key, answer in answers.items()})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    made = Machine(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(made.folder))
    return made

"""What programs say about their version."""

import subprocess
import threading
from pathlib import Path

import pytest

from lab.engines.native.install.versions import version_of


def program(path: Path, text: bytes) -> Path:
    path.write_bytes(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("prometheus, version 3.14.0 (branch: HEAD, revision: abc)", "3.14.0"),
        ("tempo, version v3.0.3 (branch: , revision: unknown)", "3.0.3"),
        ("grafana version 12.4.3", "12.4.3"),
        ("otelcol-contrib version 0.159.0", "0.159.0"),
        ("no such thing", None),
    ],
)
def test_the_words_of_the_servers(tmp_path: Path, said: str, version: str | None) -> None:
    assert version_of(program(tmp_path / "a", f'#!/bin/sh\necho "{said}"\n'.encode())) == version


def test_one_that_knows_one_dash_only(tmp_path: Path) -> None:
    text = b'#!/bin/sh\n[ "$1" = -version ] || exit 2\necho "loki, version 3.7.8" >&2\n'

    assert version_of(program(tmp_path / "a", text)) == "3.7.8"


@pytest.mark.parametrize("text", [b"", b"\x7fELF not from here", b"#!/no/such/shell\n", b"#!/bin/sh\nprintf '\\377'\n"])
def test_one_that_does_not_run(tmp_path: Path, text: bytes) -> None:
    assert version_of(program(tmp_path / "a", text)) is None


def test_one_that_is_still_held_open_is_asked_again(tmp_path: Path) -> None:
    path = program(tmp_path / "a", b"#!/bin/sh\necho version 1.2.3\n")
    holder = path.open("ab")
    with pytest.raises(OSError, match="busy"):
        subprocess.run([path], check=False)
    threading.Timer(0.2, holder.close).start()

    assert version_of(path) == "1.2.3"

"""`lab key` before the first start: kept for the start, refused where it is none; and the secrets of native mode."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lab.engines.native import secret_files
from lab.settings import ROOT


def give(home: Path, key: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`lab key` with the key on its standard input."""
    environment = {**os.environ, "LAB_HOME": str(home), "LAB_ENGINE": "native"}
    command = [sys.executable, "-m", "lab", "key", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, input=key, capture_output=True, text=True, check=False)


def kept(home: Path) -> str:
    """What is stored."""
    return (home / "native" / "data" / "secrets" / "model_api_key").read_text()


def test_a_key_is_kept_for_the_first_start_and_deleted(tmp_path: Path) -> None:
    done = give(tmp_path, " sk-123\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Key stored.\n", "")
    assert kept(tmp_path) == "sk-123"

    assert give(tmp_path, "", "--delete").stdout == "Key deleted.\n"
    with pytest.raises(FileNotFoundError):
        kept(tmp_path)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "No key was entered"),
        (" \n", "No key was entered"),
        ("sk-new 123", "Invalid key"),
        ("sk-new\nsk-123", "Invalid key"),
        ("sk-newé", "Invalid key"),
        ("sk-new" * 1000, "Invalid key"),
    ],
)
def test_what_is_no_key_is_refused_and_the_old_one_stays(tmp_path: Path, key: str, words: str) -> None:
    give(tmp_path, "sk-old")

    done = give(tmp_path, key)

    assert done.returncode == 2
    assert words in done.stderr
    assert "sk-new" not in done.stdout + done.stderr
    assert kept(tmp_path) == "sk-old"


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "native" / "data").mkdir(parents=True)
    (tmp_path / "native" / "data" / "secrets").touch()

    done = give(tmp_path, "sk-new")

    assert done.returncode == 1
    assert "cannot be stored in" in done.stderr
    assert "Traceback" not in done.stderr
    assert "sk-new" not in done.stdout + done.stderr


def test_the_folder_of_secrets_is_closed_at_every_start(tmp_path: Path) -> None:
    secret_files.write_missing(tmp_path)
    made = {name: (tmp_path / name).read_text() for name in secret_files.NAMES}
    tmp_path.chmod(0o755)

    secret_files.write_missing(tmp_path)

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert {name: (tmp_path / name).read_text() for name in secret_files.NAMES} == made

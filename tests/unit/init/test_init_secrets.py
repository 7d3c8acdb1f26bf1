"""Secrets of the compose stack: made once, whole, unreadable for others, never shown."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.init.files import GIVEN, NAMES, store, write_missing


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    assert write_missing(tmp_path) == list(NAMES)
    first = contents(tmp_path)
    assert write_missing(tmp_path) == []
    assert contents(tmp_path) == first
    assert set(first) == set(NAMES)
    assert len(set(first.values())) == len(NAMES)
    assert all(len(value) >= 32 for value in first.values())


def test_files_are_read_only_for_owner_and_group_and_closed_for_others(tmp_path: Path) -> None:
    write_missing(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o440}


def test_a_given_secret_wins_and_an_empty_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / "admin_token").write_text("mine")
    (tmp_path / "postgres_password").touch()
    assert write_missing(tmp_path) == ["grafana_admin_password", "postgres_password"]
    assert (tmp_path / "admin_token").read_text() == "mine"
    assert (tmp_path / "postgres_password").read_text()


def test_runs_at_the_same_time_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [name for names in pool.map(lambda _: write_missing(tmp_path), range(8)) for name in names]
    assert sorted(made) == sorted(NAMES)
    assert set(contents(tmp_path)) == set(NAMES)


def test_a_given_secret_is_kept_replaced_and_taken_away(tmp_path: Path) -> None:
    write_missing(tmp_path)
    for value in ("first", "second"):
        store(tmp_path, GIVEN[0], value)
        assert (tmp_path / GIVEN[0]).read_text() == value
        assert stat.S_IMODE((tmp_path / GIVEN[0]).stat().st_mode) == 0o440
    assert write_missing(tmp_path) == []
    store(tmp_path, GIVEN[0], "")
    store(tmp_path, GIVEN[0], "")
    assert set(contents(tmp_path)) == set(NAMES)


def test_what_the_lab_makes_cannot_be_given(tmp_path: Path) -> None:
    write_missing(tmp_path)
    first = contents(tmp_path)
    for name in (*NAMES, "../elsewhere"):
        done = run(str(tmp_path), "", "store", name, given="mine")
        assert (done.returncode, done.stderr) == (2, f"Users cannot set a secret {name!r}.\n")
    assert contents(tmp_path) == first


def test_a_secret_comes_by_standard_input_and_is_not_shown(tmp_path: Path) -> None:
    done = run(str(tmp_path), "", "store", "model_api_key", given="sk-123\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(tmp_path) == {"model_api_key": "sk-123"}


def run(folder: str | None, writable: str = "", *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SECRETS_DIR"} | {"WRITABLE": writable}
    if folder is not None:
        environment["SECRETS_DIR"] = folder
    command = [sys.executable, "-m", "services.init", *arguments]
    return subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)


def test_the_command_names_what_it_made_and_shows_no_value(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert done.returncode == 0
    assert all(name in done.stdout for name in NAMES)
    assert not any(value in done.stdout + done.stderr for value in contents(tmp_path).values())
    assert run(str(tmp_path)).stdout == "All secrets exist.\n"


@pytest.mark.parametrize(
    ("folder", "code", "words"), [(None, 2, "SECRETS_DIR"), ("/proc/no-such", 1, "cannot be written")]
)
def test_it_says_what_is_wrong(folder: str | None, code: int, words: str) -> None:
    done = run(folder)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_volume_of_another_user_ends_the_start_in_one_line(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    # Not even root can write here.
    foreign = "/proc/sys/kernel/random" if os.geteuid() == 0 else "/etc"

    done = run(str(tmp_path), f"{mine} {foreign}")

    assert done.returncode == 1
    assert done.stderr == f"{foreign}: permission denied for user {os.geteuid()}; its volume belongs to user 0.\n"
    assert run(str(tmp_path), str(mine)).returncode == 0

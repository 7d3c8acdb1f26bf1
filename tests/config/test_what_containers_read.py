"""What comes into images and containers: nothing but the lab's own files, with the line ends of Linux."""

import re
import subprocess
from pathlib import Path

import pytest

from lab import compose_file, envfile
from lab.settings import ROOT
from tests.support.labs.used_checkout import used_checkout


def excluded(path: str, lines: list[str]) -> bool:
    """Whether `.dockerignore` keeps a path out: the last line that fits it, or a folder above it, decides."""
    out = False
    for line in lines:
        pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(f"{pattern}(/.*)?", path):
            out = not line.startswith("!")
    return out


def test_only_files_of_ours_are_sent_to_the_engine(tmp_path: Path) -> None:
    """`tests/compose` asks a real engine the same."""
    wanted = used_checkout(tmp_path)
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert {name for name in names if not excluded(name, lines)} == wanted


def test_the_context_is_small() -> None:
    size = sum((ROOT / name).stat().st_size for name in tracked("services", "loadtest", "requirements"))
    assert size < 3_000_000


def test_every_file_that_a_container_reads_keeps_its_line_ends_on_windows() -> None:
    services = compose_file.load(ROOT / "docker-compose.yml", envfile.read(ROOT / ".env", {})).values()
    mounted = {mount.source.removeprefix("./") for service in services for mount in service.mounts if mount.bind}
    names = tracked(*mounted, "services", "loadtest", "requirements", ".env", "docker-compose.yml")
    assert len(names) > 100
    reported = git("check-attr", "-z", "eol", "text", "--", *names).split("\0")
    attributes = {
        (name, key): value for name, key, value in zip(reported[::3], reported[1::3], reported[2::3], strict=False)
    }
    for name in names:
        assert attributes[name, "eol"] == "lf", name
        assert attributes[name, "text"] in {"auto", "set"}, name
        assert b"\r\n" not in (ROOT / name).read_bytes(), name


def tracked(*places: str) -> list[str]:
    return [name for name in git("ls-files", "-z", "--", *places).split("\0") if name and (ROOT / name).is_file()]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: which files belong to it is not known")
    return done.stdout

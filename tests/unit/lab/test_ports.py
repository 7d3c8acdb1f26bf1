"""Who holds a port: another copy of the lab is named with the command that stops it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import ports
from lab.errors import LabError
from tests.support.servers.ports import free_ports

_LISTENS = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)"  # noqa: E501


@pytest.fixture(autouse=True)
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A process as native mode starts them: folder of the checkout, and the port on which it listens."""
    yield from listening(tmp_path, {"LAB_RUN_FOLDER": str(tmp_path / ".lab" / "native")})


def listening(folder: Path, marks: dict[str, str]) -> Iterator[tuple[Path, int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _LISTENS], cwd=folder, env={**os.environ, **marks}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield folder, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_another_native_copy(copy: tuple[Path, int]) -> None:
    folder, port = copy

    assert ports.holder(port) == ports.Holder(
        f"another copy of the lab, of {folder} with its state in {folder}/.lab", f"make -C {folder} down"
    )


def test_another_native_copy_with_its_state_elsewhere(tmp_path: Path) -> None:
    for folder, port in listening(tmp_path, {"LAB_RUN_FOLDER": "/var/lab/native"}):
        assert ports.holder(port).stop == f"LAB_HOME=/var/lab make -C {folder} down"


def test_all_ports_of_one_copy_have_one_command(copy: tuple[Path, int]) -> None:
    folder, port = copy

    with pytest.raises(LabError) as refused:
        ports.require({port: "loki"}, {"LOKI_PORT": port})

    assert f"  {port} (LOKI_PORT, for loki) is held by another copy of the lab" in refused.value.message
    assert refused.value.remedy == (
        f"Stop it there: `make -C {folder} down`, or give this lab other ports: LOKI_PORT and its like in .env."
    )


def test_a_stranger(tmp_path: Path) -> None:
    for _, port in listening(tmp_path, {}):
        holder = ports.holder(port)

        assert holder.stop.startswith("kill ")
        assert f"(process id {holder.stop.removeprefix('kill ')})" in holder.text


def test_a_free_port_is_no_matter() -> None:
    [port] = free_ports(1)

    ports.require({port: "loki"}, {"LOKI_PORT": port})


@pytest.mark.parametrize(
    ("folder", "project"), [("observability-lab", "observability-lab"), ("My Lab.2", "mylab2"), ("_x", "x")]
)
def test_compose_calls_a_project_after_its_folder(folder: str, project: str) -> None:
    assert ports.default_project(Path("/work") / folder) == project

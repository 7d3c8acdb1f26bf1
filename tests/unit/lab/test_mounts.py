import os
import shutil
import stat
from pathlib import Path

import pytest

from lab.engines.mounts import check_mounts, unreadable_mounts
from lab.errors import LabError
from lab.settings import ROOT, LabSettings

FOLDERS = [
    "alertmanager",
    "collector",
    "grafana",
    "loadtest",
    "loki",
    "prometheus",
    "requirements",
    "runbooks",
    "tempo",
]


@pytest.fixture
def checkout(tmp_path: Path) -> LabSettings:
    """The lab's folders, open to everybody as a clone under umask 022 is."""
    for name in (*FOLDERS, "services"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".dockerignore", ".env", "docker-compose.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    open_up(tmp_path)
    return LabSettings.load({}, tmp_path)


def open_up(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_usual_clone_is_open(checkout: LabSettings) -> None:
    assert unreadable_mounts(checkout) == []
    check_mounts(checkout)


def test_a_clone_that_is_closed_is_named_whole_with_the_command_that_opens_it(checkout: LabSettings) -> None:
    for path in checkout.root.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)

    with pytest.raises(LabError) as caught:
        check_mounts(checkout)

    closed = "alertmanager collector grafana/dashboards grafana/provisioning loadtest loki prometheus"
    assert f"{closed} requirements runbooks services tempo" in caught.value.message
    assert caught.value.remedy == f"In {checkout.root}: chmod -R o+rX {closed} requirements runbooks services tempo"
    # The folders of `grafana` are opened from below: the engine, not the container, goes through it.
    os.system(f"cd '{checkout.root}' && {caught.value.remedy.split(': ', 1)[1]}")
    check_mounts(checkout)


@pytest.mark.parametrize(
    ("place", "mode"),
    [("loki", 0o750), ("loki", 0o744), ("loki", 0o711), ("loki/loki.yml", 0o640), ("loki/rules/x.yml", 0o600)],
)
def test_one_closed_file_or_folder_is_enough(checkout: LabSettings, place: str, mode: int) -> None:
    path = checkout.root / place
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_text("groups: []")
    path.chmod(mode)

    assert unreadable_mounts(checkout) == [Path("loki")]


def test_what_no_container_reads_may_be_closed(checkout: LabSettings) -> None:
    (checkout.root / ".env").chmod(0o600)
    (checkout.root / ".lab").mkdir(mode=0o700)
    checkout.root.chmod(stat.S_IRWXU)
    (checkout.root / "loki" / "__pycache__").mkdir(mode=0o700)
    (checkout.root / "loki" / "old.yml").symlink_to("nowhere")

    assert unreadable_mounts(checkout) == []

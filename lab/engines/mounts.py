"""Checks that containers, which run as other users, can read the checkout."""

import os
import stat
from pathlib import Path

from lab.errors import LabError
from lab.settings import LabSettings

_ENTER = stat.S_IROTH | stat.S_IXOTH


def unreadable_mounts(settings: LabSettings) -> list[Path]:
    """Return the mounted or copied folders of the checkout that other users cannot read completely.

    In a clone made under `umask 077` all are. The folders above do not matter: the engine opens them.
    """
    services = settings.services().values()
    mounted = {Path(mount.source) for service in services for mount in service.mounts if mount.bind}
    folders = sorted({*mounted, *_copied(settings.root)})
    return [folder for folder in folders if not _open_to_all(settings.root / folder)]


def check_mounts(settings: LabSettings) -> None:
    """Check that containers can read their configuration.

    Raises:
        LabError: they cannot; the message has the folders, and the command that opens them.
    """
    closed = " ".join(str(folder) for folder in unreadable_mounts(settings))
    if closed:
        raise LabError(
            f"Containers run as other users, and these folders are closed to them (cloned under umask 077?): {closed}.",
            f"In {settings.root}: chmod -R o+rX {closed}",
        )


def _copied(root: Path) -> list[Path]:
    """Return what `.dockerignore` lets into the images, where files keep their permissions."""
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [Path(line.removeprefix("!")) for line in lines if line.startswith("!")]


def _open_to_all(top: Path) -> bool:
    if not _allows(top, _ENTER):
        return False
    for place, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != "__pycache__"]
        # Checked from the folder above, because nothing is listed of a folder that its owner cannot enter.
        rights = dict.fromkeys(files, stat.S_IROTH) | dict.fromkeys(folders, _ENTER)
        if not all(_allows(Path(place, name), needed) for name, needed in rights.items()):
            return False
    return True


def _allows(place: Path, rights: int) -> bool:
    try:
        return place.stat().st_mode & rights == rights
    except FileNotFoundError:
        # A dangling link is not configuration.
        return True

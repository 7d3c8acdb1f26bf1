"""Which files servers read again while they run, and which only at a start."""

import re
from pathlib import Path

from lab.compose_file import Service

# Loki's ruler, Grafana and the pager poll their files.
RELOADED_BY_SIGHUP = ("prometheus", "alertmanager")
_READ_AGAIN = re.compile(r"(prometheus|alertmanager|loki/rules|grafana/dashboards|runbooks|oncall)/.*")


def at_start_only(name: str) -> bool:
    """Whether a file of the checkout is read at the start of its server and never again."""
    return not _READ_AGAIN.fullmatch(name)


def mounted(service: Service, root: Path) -> list[Path]:
    """The files of the checkout that a service reads."""
    folders = [root / mount.source for mount in service.mounts if mount.bind]
    return sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())

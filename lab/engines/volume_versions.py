"""Records which version last wrote each volume, to detect data that the current version cannot read.

Kept in a file of the state folder, because labels of a Docker volume are no place for it: when a label changes, Compose
asks to delete the volume. A volume that was recreated since then has no history.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from lab.compose_file import Service
from lab.engines.engine import Diagnosis
from lab.files import write_atomically
from lab.settings import LabSettings

# Only the same major version can read its data; the others read those of older versions.
_MAJOR_ONLY = {"postgres"}


def data_volumes(services: Mapping[str, Service]) -> dict[str, str]:
    """Return the service by name of its data volume; shared volumes have no server's data."""
    users: dict[str, list[str]] = {}
    for name, service in services.items():
        if name != "init":
            for mount in service.mounts:
                if not mount.bind:
                    users.setdefault(mount.source, []).append(name)
    return {volume: names[0] for volume, names in users.items() if len(names) == 1}


def record(settings: LabSettings, engine: str, services: Mapping[str, Service], there: Mapping[str, str]) -> None:
    """Record that the current versions have written their volumes.

    Args:
        settings: of the lab.
        engine: its name.
        services: of docker-compose.yml.
        there: an identity (creation time) of each existing volume, by name.
    """
    book = _book(settings)
    book[engine] = {
        volume: {"version": services[name].version, "of": there[volume]}
        for volume, name in data_volumes(services).items()
        if volume in there
    }
    write_atomically(settings.home / "written.json", json.dumps(book, indent=1))


def conflicts(
    settings: LabSettings, engine: str, services: Mapping[str, Service], there: Mapping[str, str]
) -> list[Diagnosis]:
    """Return the volumes that the current version cannot read (fatal), or may be unable to (of a newer version)."""
    kept = _book(settings).get(engine, {})
    found = []
    for volume, name in data_volumes(services).items():
        entry = kept.get(volume, {})
        if volume not in there or entry.get("of") != there[volume]:
            continue
        before, now = str(entry["version"]), services[name].version
        setting = f"{name.upper()}_VERSION"
        setting = setting if setting in settings.values else "LAB_VERSION"
        remedy = f"set {setting}={before} in .env; or `lab clean`, which deletes all data of the lab"
        if name in _MAJOR_ONLY:
            if _numbers(before)[:1] == _numbers(now)[:1]:
                continue
            found.append(
                Diagnosis(name, f"its data were written by version {before}, and {now} cannot read them", remedy)
            )
        elif _numbers(now) < _numbers(before):
            text = f"its data were written by version {before}, which is newer than {now}: it may fail to read them"
            found.append(Diagnosis(name, text, remedy, fatal=False))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    # Any patch release reads the data of another one.
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _book(settings: LabSettings) -> dict[str, Any]:
    try:
        book = json.loads((settings.home / "written.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return book if isinstance(book, dict) else {}

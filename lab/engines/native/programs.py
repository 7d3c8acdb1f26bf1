"""Where native mode gets the server programs from: PATH, the cache, a vendor's archive, or a build of the Go module.

Here stands the order; how each way goes stands in `cache`, `archives` and `builds`.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.engines.native import archives, builds, cache
from lab.engines.native.network import NotHadError, Patience, Watcher
from lab.engines.native.versions import version_of
from lab.errors import LabError


@dataclass(frozen=True)
class Program:
    """A server program.

    Attributes:
        name: of the executable.
        setting: its version in `.env`.
        loss: what the lab lacks without it, in words.
    """

    name: str
    setting: str
    loss: str


PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        Program("otelcol", "COLLECTOR_VERSION", "no log lines in Loki and no traces"),
        Program("alertmanager", "ALERTMANAGER_VERSION", "alerts fire but nobody is paged"),
        Program("prometheus", "PROMETHEUS_VERSION", "no metrics and no alerts"),
        Program("loki", "LOKI_VERSION", "log lines stay in files (`lab logs`)"),
        Program("tempo", "TEMPO_VERSION", "traces are read from the Collector's span file (`lab trace ID`)"),
        Program("grafana", "GRAFANA_VERSION", "no dashboards; Prometheus answers the same queries"),
    )
}
# The contrib distribution has all the parts of ours.
_OTHER_NAMES = {"otelcol": ("otelcol", "otelcol-contrib")}


@dataclass(frozen=True)
class Found:
    """A program that is there: its file, its version as pinned, and where it was found (`PATH` or `cache (...)`)."""

    path: Path
    version: str
    source: str


@dataclass(frozen=True)
class Missing:
    """A program that is not there. `obtainable` tells whether there is a way that `obtain` may try."""

    reason: str
    obtainable: bool


def cached(name: str, values: Mapping[str, str]) -> Path:
    """Where the program stands in the cache, if it does."""
    return cache.place_in(folder(name, values), name)


def folder(name: str, values: Mapping[str, str]) -> Path:
    """Folder of the pinned version in the cache."""
    return cache.folder_of(name, _version(name, values))


def used(values: Mapping[str, str]) -> set[Path]:
    """Folders in the cache that these settings use."""
    return {where for name in PROGRAMS for where in cache.folders(name, _version(name, values))}


def find(name: str, values: Mapping[str, str]) -> Found | Missing:
    """The program at its pinned version: PATH first, then the cache. Asks no network."""
    version = values[PROGRAMS[name].setting]
    lacking = f"{name} {version} is not on PATH"
    for candidate in _OTHER_NAMES.get(name, (name,)):
        path = shutil.which(candidate)
        if path and (seen := version_of(path)) == version:
            return Found(Path(path), version, "PATH")
        if path:
            lacking += f"; {path} is version {seen or 'unknown'}"
    if hit := _in_cache(name, values):
        return hit
    no_archive, no_build = archives.impossible(values), builds.impossible(name)
    if no_archive and no_build:
        return Missing(f"{lacking}; {no_archive}, and {no_build}", obtainable=False)
    return Missing(f"{lacking} nor in the cache; `make up` gets it where it can", obtainable=True)


def fetch(name: str, values: Mapping[str, str], watcher: Watcher, patience: Patience | None = None) -> Found:
    """Get the program from its archive into the cache: seconds to minutes.

    Raises:
        NotHadError: no archive can be had; `build` may help.
        LabError: the disk is full, or the watcher stopped it.
    """
    version = values[PROGRAMS[name].setting]
    if fault := archives.impossible(values):
        raise NotHadError(fault)
    with cache.only_one(name, watcher.say, watcher.stopped):
        if hit := _in_cache(name, values):
            return hit
        path = archives.Fetch(name, version, folder(name, values), watcher, patience or Patience()).run(values)
    return Found(path, version, f"cache ({cache.ARCHIVE})")


def build(name: str, values: Mapping[str, str], watcher: Watcher) -> Found:
    """Build the program into the cache: minutes on a cold machine.

    Raises:
        NotHadError: there is nothing to build it from, or with.
        LabError: the build failed; its log is named.
    """
    version = values[PROGRAMS[name].setting]
    if fault := builds.impossible(name):
        raise NotHadError(fault)
    with cache.only_one(name, watcher.say, watcher.stopped):
        if hit := _in_cache(name, values):
            return hit
        path = builds.build(name, version, folder(name, values), watcher.say)
    return Found(path, version, f"cache ({cache.BUILT})")


def obtain(name: str, values: Mapping[str, str], watcher: Watcher) -> Found:
    """Get a missing program, by archive or else by a build.

    Raises:
        NotHadError: neither is possible here.
        LabError: the disk is full, or the build failed.
    """
    try:
        return fetch(name, values, watcher)
    except NotHadError as no_archive:
        if fault := builds.impossible(name):
            raise not_at_all(name, values, no_archive, fault) from no_archive
        watcher.note(fallen_back(no_archive))
    return build(name, values, watcher)


def fallen_back(reason: LabError) -> str:
    """What a person is told when a program is built because there is no archive of it."""
    return f"no archive: {reason.message}. Building it instead, once for this machine"


def not_at_all(name: str, values: Mapping[str, str], no_archive: LabError, no_build: str) -> NotHadError:
    """The error for a program that neither way leads to."""
    version = values[PROGRAMS[name].setting]
    return NotHadError(
        f"{name} {version} is not on PATH, its archive cannot be had ({no_archive.message}), and {no_build}"
    )


def _in_cache(name: str, values: Mapping[str, str]) -> Found | None:
    hit = cache.look_up(name, _version(name, values))
    return Found(hit[0], values[PROGRAMS[name].setting], f"cache ({hit[1]})") if hit else None


def _version(name: str, values: Mapping[str, str]) -> str:
    """A version as its folder is called: the Collector's also names its list of parts."""
    version = values[PROGRAMS[name].setting]
    if name == "otelcol":
        version += "-" + hashlib.sha256(builds.COLLECTOR_PARTS.read_bytes()).hexdigest()[:8]
    return version

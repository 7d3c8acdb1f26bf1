"""Where native mode gets the server programs from: PATH, the cache, a vendor's archive, or a build of the Go module.

This module has the order; `cache`, `archives` and `builds` do the work.
"""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from lab.engines.native.install import archives, builds, cache
from lab.engines.native.install.network import Limits, UnavailableError, Watcher
from lab.engines.native.install.versions import version_of


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
        Program("alertmanager", "ALERTMANAGER_VERSION", "alerts fire but no responder is paged"),
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
    """A program that is not there. `obtainable`: whether `obtain` may be able to get it."""

    reason: str
    obtainable: bool


def cached(name: str, values: Mapping[str, str]) -> Path:
    """Return the path of the program in the cache; it may not exist."""
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
    no_archive, no_build = archives.obstacle(values), builds.obstacle(name)
    if no_archive and no_build:
        return Missing(f"{lacking}; {no_archive}, and {no_build}", obtainable=False)
    return Missing(f"{lacking} nor in the cache; `make up` gets it where it can", obtainable=True)


def fetch(name: str, values: Mapping[str, str], watcher: Watcher, limits: Limits | None = None) -> Found:
    """Get the program from its archive into the cache: seconds to minutes.

    Raises:
        UnavailableError: no archive can be had; `build` may help.
        LabError: the disk is full, or the watcher stopped it.
    """
    version = values[PROGRAMS[name].setting]
    if fault := archives.obstacle(values):
        raise UnavailableError(fault)
    with cache.program_lock(name, watcher.say, watcher.stopped):
        if hit := _in_cache(name, values):
            return hit
        path = archives.Fetch(name, version, folder(name, values), watcher, limits or Limits()).run(values)
    return Found(path, version, f"cache ({cache.ARCHIVE})")


def build(name: str, values: Mapping[str, str], watcher: Watcher) -> Found:
    """Build the program into the cache: minutes on a cold machine.

    Raises:
        UnavailableError: there is nothing to build it from, or with.
        LabError: the build failed; its log is named.
    """
    version = values[PROGRAMS[name].setting]
    if fault := builds.obstacle(name):
        raise UnavailableError(fault)
    with cache.program_lock(name, watcher.say, watcher.stopped):
        if hit := _in_cache(name, values):
            return hit
        path = builds.build(name, version, folder(name, values), watcher.say)
    return Found(path, version, f"cache ({cache.BUILT})")


def obtain(
    name: str,
    values: Mapping[str, str],
    watcher: Watcher,
    build_turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Found:
    """Get a missing program from its archive, or else by a build.

    Args:
        name: of the program.
        values: settings with the versions.
        watcher: callbacks for progress.
        build_turn: held during a build.

    Raises:
        UnavailableError: neither is possible here.
        LabError: the disk is full, or the build failed.
    """
    try:
        return fetch(name, values, watcher)
    except UnavailableError as error:
        if obstacle := builds.obstacle(name):
            version = values[PROGRAMS[name].setting]
            raise UnavailableError(
                f"{name} {version} is not on PATH, its archive cannot be downloaded ({error.message}), and {obstacle}"
            ) from error
        watcher.note(f"no archive: {error.message}. Building it instead, once for this machine")
    with build_turn():
        return build(name, values, watcher)


def _in_cache(name: str, values: Mapping[str, str]) -> Found | None:
    hit = cache.look_up(name, _version(name, values))
    return Found(hit[0], values[PROGRAMS[name].setting], f"cache ({hit[1]})") if hit else None


def _version(name: str, values: Mapping[str, str]) -> str:
    """A version as its folder is called: the Collector's also names its list of parts."""
    version = values[PROGRAMS[name].setting]
    if name == "otelcol":
        version += "-" + hashlib.sha256(builds.COLLECTOR_PARTS.read_bytes()).hexdigest()[:8]
    return version

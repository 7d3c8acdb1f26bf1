"""Finds and installs the server programs of native mode: on PATH, in the cache, from an archive, by a build."""

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
        loss: what the lab lacks without it.
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
    """An installed program: its file, its pinned version, and its origin (`PATH` or `cache (...)`)."""

    path: Path
    version: str
    source: str


@dataclass(frozen=True)
class Missing:
    """A program that is not installed, with the reason; `obtainable`: whether `obtain` may install it."""

    reason: str
    obtainable: bool


def folder(name: str, values: Mapping[str, str]) -> Path:
    """Return the folder of the pinned version in the cache."""
    return cache.folder_of(name, _version(name, values))


def used(values: Mapping[str, str]) -> set[Path]:
    """Return the folders in the cache that these settings use."""
    return {where for name in PROGRAMS for where in cache.folders(name, _version(name, values))}


def find(name: str, values: Mapping[str, str]) -> Found | Missing:
    """Find the program at its pinned version, on PATH or in the cache; without the network."""
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
    """Install the program from its archive: seconds to minutes.

    Raises:
        UnavailableError: no archive can be had; `build` may help.
        LabError: the disk is full, or the watcher stopped it.
    """

    def install(version: str, target: Path) -> Path:
        return archives.Fetch(name, version, target, watcher, limits or Limits()).run(values)

    if obstacle := archives.obstacle(values):
        raise UnavailableError(obstacle)
    return _install(name, values, watcher, cache.ARCHIVE, install)


def build(name: str, values: Mapping[str, str], watcher: Watcher) -> Found:
    """Build the program into the cache: minutes on a cold machine.

    Raises:
        UnavailableError: there is nothing to build it from, or with.
        LabError: the build failed; its log is named.
    """

    def install(version: str, target: Path) -> Path:
        return builds.build(name, version, target, watcher.say)

    if obstacle := builds.obstacle(name):
        raise UnavailableError(obstacle)
    return _install(name, values, watcher, cache.BUILT, install)


def obtain(
    name: str,
    values: Mapping[str, str],
    watcher: Watcher,
    build_turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Found:
    """Install a missing program from its archive, or else by a build.

    Args:
        name: of the program.
        values: settings with the versions.
        watcher: callbacks for progress.
        build_turn: lock for builds.

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


def _install(
    name: str, values: Mapping[str, str], watcher: Watcher, origin: str, install: Callable[[str, Path], Path]
) -> Found:
    with cache.program_lock(name, watcher.say, watcher.stopped):
        if hit := _in_cache(name, values):
            return hit
        version = values[PROGRAMS[name].setting]
        return Found(install(version, folder(name, values)), version, f"cache ({origin})")


def _in_cache(name: str, values: Mapping[str, str]) -> Found | None:
    hit = cache.look_up(name, _version(name, values))
    return Found(hit[0], values[PROGRAMS[name].setting], f"cache ({hit[1]})") if hit else None


def _version(name: str, values: Mapping[str, str]) -> str:
    """Return the version in the name of its folder: the Collector's has a hash of its list of parts."""
    version = values[PROGRAMS[name].setting]
    if name == "otelcol":
        version += "-" + hashlib.sha256(builds.COLLECTOR_PARTS.read_bytes()).hexdigest()[:8]
    return version

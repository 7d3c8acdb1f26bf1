"""Where native mode gets the server programs from: PATH, the cache, or a build of the pinned Go module.

The cache (`LAB_CACHE`, else the user's cache folder) is shared by all checkouts of a machine; a program appears in it
in one step, so that two builds at once do no harm.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from lab.errors import LabError
from lab.settings import ROOT

# What a build needs: module, the packages below it that become programs, and where the version is stamped.
COLLECTOR_PARTS = ROOT / "collector" / "builder.yaml"
_STAMP = "github.com/prometheus/common/version.Version"


@dataclass(frozen=True)
class Program:
    """A server program.

    Attributes:
        name: of the executable.
        setting: its version in `.env`.
        module: Go module to build from; None where none can be built.
        packages: main packages of that module; the first is the program, the others are its tools.
        stamp: Go variable that takes the version.
        loss: what the lab lacks without it, in words.
    """

    name: str
    setting: str
    loss: str
    module: str | None = None
    packages: tuple[str, ...] = ()
    stamp: str = ""

    def module_version(self, version: str) -> str:
        """The module's version for a release; Prometheus 3.14.0 is published as module v0.314.0."""
        if self.name != "prometheus":
            return f"v{version}"
        major, minor, patch = version.split(".")
        return f"v0.{int(major)}{int(minor):02d}.{patch}"


PROGRAMS: Mapping[str, Program] = {
    program.name: program
    for program in (
        Program(
            "otelcol",
            "COLLECTOR_VERSION",
            "no log lines in Loki and no traces",
            module="go.opentelemetry.io/collector/cmd/builder",
        ),
        Program(
            "alertmanager",
            "ALERTMANAGER_VERSION",
            "alerts fire but nobody is paged",
            "github.com/prometheus/alertmanager",
            ("./cmd/alertmanager", "./cmd/amtool"),
            _STAMP,
        ),
        Program(
            "prometheus",
            "PROMETHEUS_VERSION",
            "no metrics and no alerts",
            "github.com/prometheus/prometheus",
            ("./cmd/prometheus", "./cmd/promtool"),
            _STAMP,
        ),
        Program(
            "loki",
            "LOKI_VERSION",
            "log lines stay in files (`lab logs`)",
            "github.com/grafana/loki/v3",
            ("./cmd/loki",),
            "github.com/grafana/loki/v3/pkg/util/build.Version",
        ),
        Program("tempo", "TEMPO_VERSION", "traces are read from the Collector's span file (`lab trace ID`)"),
        Program("grafana", "GRAFANA_VERSION", "no dashboards; Prometheus answers the same queries"),
    )
}
# The contrib distribution has all the parts of ours.
_OTHER_NAMES = {"otelcol": ("otelcol", "otelcol-contrib")}


@dataclass(frozen=True)
class Found:
    """A program that is there: its file, its version as pinned, and where it was found (`PATH` or `cache`)."""

    path: Path
    version: str
    source: str


@dataclass(frozen=True)
class Missing:
    """A program that is not there. `buildable` tells whether `build` can make it."""

    reason: str
    buildable: bool


def cache_folder() -> Path:
    """The folder that all checkouts share."""
    given = os.environ.get("LAB_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("observability-lab"))


def cached(name: str, values: Mapping[str, str]) -> Path:
    """Where the program stands once it was built. The Collector's folder also names its list of parts."""
    version = values[PROGRAMS[name].setting]
    if name == "otelcol":
        version += "-" + hashlib.sha256(COLLECTOR_PARTS.read_bytes()).hexdigest()[:8]
    return cache_folder() / "programs" / name / version / name


def find(name: str, values: Mapping[str, str]) -> Found | Missing:
    """The program at its pinned version: PATH first, then the cache."""
    program = PROGRAMS[name]
    version = values[program.setting]
    other_version = ""
    for candidate in _OTHER_NAMES.get(name, (name,)):
        path = shutil.which(candidate)
        if path and (seen := _version_of(path)) == version:
            return Found(Path(path), version, "PATH")
        if path:
            other_version = f"; {path} is version {seen or 'unknown'}"
    built = cached(name, values)
    if built.is_file():
        return Found(built, version, "cache")
    if program.module is None:
        return Missing(f"{name} {version} is not on PATH{other_version} and cannot be built here", buildable=False)
    if shutil.which("go") is None:
        return Missing(
            f"{name} {version} is not on PATH{other_version}, and there is no Go toolchain to build it with "
            "(https://go.dev/dl, 1.26 or later)",
            buildable=False,
        )
    return Missing(f"{name} {version} is not on PATH{other_version}; it is built from its Go module", buildable=True)


def build(name: str, values: Mapping[str, str], say: Callable[[str], None]) -> Found:
    """Build a program into the cache; minutes on a cold machine.

    Args:
        say: is called with each line of progress.

    Raises:
        LabError: the build failed; its log is named.
    """
    program = PROGRAMS[name]
    version = values[program.setting]
    target = cached(name, values).parent
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.parent / ".lock", say):
        if (target / name).is_file():
            return Found(target / name, version, "cache")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as scratch:
            work = Path(scratch)
            run = _Runner(target.parent / f"build-{version}.log", say)
            (work / "bin").mkdir()
            if name == "otelcol":
                _build_collector(program, version, work, run)
            else:
                _build_module(program, version, work, run)
            shutil.rmtree(target, ignore_errors=True)
            (work / "bin").replace(target)
    return Found(target / name, version, "cache")


def _build_module(program: Program, version: str, work: Path, run: "_Runner") -> None:
    # A module of ours that requires the program's and takes over its go.mod (versions, replacements) and go.sum, so
    # that what is built is what its makers built. Replacements by a folder name parts that the module does not carry;
    # those are published modules as well.
    assert program.module is not None
    wanted = f"{program.module}@{program.module_version(version)}"
    source = Path(json.loads(run(["go", "mod", "download", "-json", wanted], work))["Dir"])
    for name in ("go.mod", "go.sum"):
        (work / name).write_bytes((source / name).read_bytes())
    parts = json.loads(run(["go", "mod", "edit", "-json"], work))
    folders = [row["Old"]["Path"] for row in parts.get("Replace") or () if "Version" not in row["New"]]
    edits = [f"-dropreplace={folder}" for folder in folders]
    run(["go", "mod", "edit", "-module=lab.invalid/build", f"-require={wanted}", *edits], work)
    flags = f"-s -w -X {program.stamp}={version}"
    for package in program.packages:
        full = program.module + package.removeprefix(".")
        options = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", f"{work / 'bin'}/"]
        run(["go", "build", *options, full], work)


def _build_collector(program: Program, version: str, work: Path, run: "_Runner") -> None:
    run(["go", "install", f"{program.module}@{program.module_version(version)}"], work, GOBIN=str(work / "builder"))
    text = (
        COLLECTOR_PARTS.read_text(encoding="utf-8").replace("@VERSION@", version).replace("@DIST@", str(work / "dist"))
    )
    config = work / "builder.yaml"
    config.write_text(text, encoding="utf-8")
    run([str(work / "builder" / "builder"), "--config", str(config)], work)
    (work / "dist" / "otelcol").replace(work / "bin" / "otelcol")


class _Runner:
    """Runs build commands; their error output goes to a log, its last line to `say`."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self._log = log
        self._say = say
        log.write_text("", encoding="utf-8")

    def __call__(self, command: list[str], folder: Path, **environment: str) -> str:
        env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **environment}
        # A process group of its own: Ctrl-C must end the compiler's children too.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if "-json" not in command else subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        kept: list[str] = []
        try:
            assert process.stdout is not None
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"$ {' '.join(command)}\n")
                for line in process.stdout:
                    kept.append(line)
                    log.write(line)
                    self._say(line.strip()[:100])
                if process.stderr:
                    log.write(process.stderr.read())
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code:
            last = self._log.read_text(encoding="utf-8").splitlines()[-4:]
            raise LabError(
                f"`{' '.join(command[:3])}` failed with exit code {code}:\n  " + "\n  ".join(last),
                f"The whole output is in {self._log}.",
            )
        return "".join(kept)


@contextmanager
def _only_one(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another lab is building it: waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _version_of(path: str) -> str | None:
    for flag in ("--version", "-version"):
        answer = subprocess.run([path, flag], capture_output=True, text=True, check=False, timeout=20)
        if found := re.search(r"version[ :]+v?(\d+\.\d+\.\d+)", answer.stdout + answer.stderr):
            return found[1]
    return None

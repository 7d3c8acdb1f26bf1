"""Builds a server program from its pinned Go module into the cache, if no archive can be had."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.engines.native.install import cache
from lab.errors import LabError
from lab.settings import ROOT

# Which parts go into the Collector.
COLLECTOR_PARTS = ROOT / "collector" / "builder.yaml"
_COMMON_STAMP = "github.com/prometheus/common/version.Version"


@dataclass(frozen=True)
class Module:
    """A Go module that a server is built from.

    Attributes:
        path: of the module.
        packages: main packages below it; the first is the server, the others are its tools.
        stamp: Go variable that takes the version.
    """

    path: str
    packages: tuple[str, ...] = ()
    stamp: str = ""


MODULES = {
    "otelcol": Module("go.opentelemetry.io/collector/cmd/builder"),
    "alertmanager": Module("github.com/prometheus/alertmanager", ("./cmd/alertmanager", "./cmd/amtool"), _COMMON_STAMP),
    "prometheus": Module("github.com/prometheus/prometheus", ("./cmd/prometheus", "./cmd/promtool"), _COMMON_STAMP),
    "loki": Module("github.com/grafana/loki/v3", ("./cmd/loki",), "github.com/grafana/loki/v3/pkg/util/build.Version"),
}


def module_version(name: str, version: str) -> str:
    """Return the module's version for a release; Prometheus 3.14.0 is published as module v0.314.0."""
    if name != "prometheus":
        return f"v{version}"
    major, minor, patch = version.split(".")
    return f"v0.{int(major)}{int(minor):02d}.{patch}"


def obstacle(name: str) -> str:
    """Return why a program cannot be built here, or an empty text."""
    if name not in MODULES:
        return "it cannot be built from a Go module"
    if shutil.which("go") is None:
        return "there is no Go toolchain to build it with (https://go.dev/dl, 1.26 or later)"
    return ""


def build(name: str, version: str, folder: Path, say: Callable[[str], None]) -> Path:
    """Build a program: minutes on a cold machine. The caller holds the program's lock.

    Args:
        name: of the program.
        version: of the program.
        folder: of the version in the cache.
        say: called with each line of output.

    Returns:
        The executable.

    Raises:
        LabError: the build failed; its log is named.
    """
    module = MODULES[name]
    wanted = f"{module.path}@{module_version(name, version)}"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".build-") as scratch:
        work = Path(scratch)
        run = _Runner(folder.parent / f"build-{version}.log", say)
        (work / "bin").mkdir()
        if name == "otelcol":
            _build_collector(wanted, version, work, run)
        else:
            _build_module(module, wanted, version, work, run)
        cache.put(work / "bin", folder, cache.BUILT, wanted)
    return cache.place_in(folder, name)


def _build_module(module: Module, wanted: str, version: str, work: Path, run: "_Runner") -> None:
    # A module of ours that requires the program's, with its go.mod (versions, replacements) and go.sum, so that the
    # result is the vendor's. Replacements by a folder are dropped: the module has no such folders, and the parts are
    # published modules.
    source = Path(json.loads(run(["go", "mod", "download", "-json", wanted], work))["Dir"])
    for name in ("go.mod", "go.sum"):
        (work / name).write_bytes((source / name).read_bytes())
    parts = json.loads(run(["go", "mod", "edit", "-json"], work))
    folders = [row["Old"]["Path"] for row in parts.get("Replace") or () if "Version" not in row["New"]]
    edits = [f"-dropreplace={folder}" for folder in folders]
    run(["go", "mod", "edit", "-module=lab.invalid/build", f"-require={wanted}", *edits], work)
    flags = f"-s -w -X {module.stamp}={version}"
    for package in module.packages:
        full = module.path + package.removeprefix(".")
        options = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", f"{work / 'bin'}/"]
        run(["go", "build", *options, full], work)


def _build_collector(wanted: str, version: str, work: Path, run: "_Runner") -> None:
    run(["go", "install", wanted], work, GOBIN=str(work / "builder"))
    text = (
        COLLECTOR_PARTS.read_text(encoding="utf-8").replace("@VERSION@", version).replace("@DIST@", str(work / "dist"))
    )
    config = work / "builder.yaml"
    config.write_text(text, encoding="utf-8")
    run([str(work / "builder" / "builder"), "--config", str(config)], work)
    (work / "dist" / "otelcol").replace(work / "bin" / "otelcol")


class _Runner:
    """Runs build commands; their output goes to a log, each line also to `say`."""

    def __init__(self, log: Path, say: Callable[[str], None]) -> None:
        self._log = log
        self._say = say
        log.write_text("", encoding="utf-8")

    def __call__(self, command: list[str], folder: Path, **environment: str) -> str:
        env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **environment}
        kept: list[str] = []
        with self._log.open("a", encoding="utf-8", buffering=1) as log:
            log.write(f"$ {' '.join(command)}\n")
            # A process group of its own: Ctrl-C must stop the compiler's children too.
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log if "-json" in command else subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    kept.append(line)
                    log.write(line)
                    self._say(line.strip()[:100])
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

"""Docker's Compose and Buildx where the machine has none: built from their Go modules into the cache.

`python3 tests/support/labs/docker_plugins.py compose` prints the plugin's folder. Standard library only,
because CI runs it before anything is installed.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Name: module, main package, version, the variable that takes the version.
PLUGINS = {
    "compose": (
        "github.com/docker/compose/v5",
        "cmd",
        "v5.0.2",
        "github.com/docker/compose/v5/internal.Version",
    ),
    "buildx": (
        "github.com/docker/buildx",
        "cmd/buildx",
        "v0.30.1",
        "github.com/docker/buildx/version.Version",
    ),
}


def folder(name: str) -> Path:
    """Where a plugin is kept, as a folder for Docker's setting `cliPluginsExtraDirs`."""
    given = os.environ.get("LAB_CACHE")
    cache = (
        Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "observability-lab")
    )
    return cache / "tools" / f"{name}-{PLUGINS[name][2]}-stamped"


def ensure(name: str) -> Path:
    """Build the plugin unless it is there; returns its file. Two minutes on two cores, once for a machine.

    Raises:
        subprocess.CalledProcessError: Go could not build it.
        FileNotFoundError: there is no Go.
    """
    module, package, version, stamp = PLUGINS[name]
    target = folder(name) / f"docker-{name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_file():
            return target
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            # The module's own go.mod has directives that `go install` refuses: a module of ours takes it over.
            wanted = f"{module}@{version}"
            source = Path(json.loads(_go(["mod", "download", "-json", wanted], scratch))["Dir"])
            for part in ("go.mod", "go.sum"):
                Path(scratch, part).write_bytes((source / part).read_bytes())
            _go(["mod", "edit", "-module=lab.invalid/build", f"-require={wanted}"], scratch)
            built = Path(scratch, "plugin")
            options = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w -X {stamp}={version}"]
            _go(["build", *options, "-o", str(built), f"{module}/{package}"], scratch)
            built.replace(target)
    return target


def _go(arguments: list[str], cwd: str) -> str:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    return subprocess.run(
        ["go", *arguments], cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    for wanted_name in sys.argv[1:]:
        sys.stdout.write(f"{ensure(wanted_name).parent}\n")

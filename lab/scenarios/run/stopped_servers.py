"""Stops servers for a while and brings them back, whatever becomes of who stopped them.

For each stopped server the lab's state folder has a record, and a process of its own, the restarter, waits for its
end time. Starting the server deletes the record; else the restarter starts it.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from lab.engines.choice import choose
from lab.engines.engine import Engine
from lab.errors import LabError
from lab.settings import LabSettings

_RESTARTER_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class StopRecord:
    """A server that is stopped on purpose; times are Unix times in seconds, `token` identifies the stop."""

    server: str
    stopped_at: float
    ends_at: float
    token: str
    hidden: bool = False


def stopped(home: Path) -> list[StopRecord]:
    """Return the servers that are stopped on purpose in the lab of that state folder."""
    return [note for file in sorted((home / "stopped").glob("*.json")) if (note := read(file))]


def read(file: Path) -> StopRecord | None:
    """Return a note, None when it was taken away."""
    try:
        return StopRecord(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Servers:
    """The servers of one lab, to be stopped and started through its engine. Safe to use from several threads."""

    def __init__(self, settings: LabSettings, engine: Engine | None = None) -> None:
        self._settings = settings
        self._given = engine
        # By server: its restarter, and the end of a pipe by which it notices that we are gone.
        self._leashes: dict[str, tuple[int, subprocess.Popen[bytes]]] = {}

    @cached_property
    def _engine(self) -> Engine:
        return self._given or choose(self._settings).engine

    def states(self) -> dict[str, str]:
        """Return the state of each server of this engine, as in `lab status`."""
        return {row.name: row.state for row in self._engine.status()}

    def check(self, server: str) -> None:
        """Refuse a server that cannot be stopped here.

        Raises:
            LabError: there is none of that name, or it does not run.
        """
        checks = {row.name: row for row in self._engine.status()}
        row = checks.get(server)
        if row is None or row.state == "done":
            names = ", ".join(name for name, other in checks.items() if other.state != "done")
            raise LabError(f"There is no server `{server}` on this engine.", f"Servers: {names}.", 2)
        if row.state == "missing":
            raise LabError(f"{server} does not run here: {row.source}.", "`lab status` shows what runs.")
        if row.state not in {"running", "starting"}:
            raise LabError(f"{server} is {row.state} already{self._until(server)}.", "`lab status` shows what runs.")

    def stop(self, server: str, seconds: float, *, hidden: bool = False, stays: bool = False) -> StopRecord:
        """Stop a server for so long at most; it also comes back when this process dies, unless it `stays` stopped.

        Raises:
            LabError: the engine cannot, or there is no restarter; the server runs then as before.
        """
        now = time.time()
        note = StopRecord(server, now, now + seconds, uuid.uuid4().hex, hidden)
        file = self._file(server)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(note)), encoding="utf-8")
        new.replace(file)
        try:
            self._watch(server, file, stays=stays)
            self._engine.stop([server])
        except BaseException:
            with contextlib.suppress(LabError):
                self.start(server)
            raise
        return note

    def start(self, server: str) -> None:
        """Start a server, wait until it is ready, and let its restarter go.

        Raises:
            LabError: it does not become ready; the restarter goes on then.
        """
        self._engine.start([server])
        self._file(server).unlink(missing_ok=True)
        lease = self._leashes.pop(server, None)
        if lease is not None:
            os.close(lease[0])
            with contextlib.suppress(subprocess.TimeoutExpired):
                lease[1].wait(timeout=5)

    def _watch(self, server: str, file: Path, *, stays: bool) -> None:
        """Start the restarter, and wait until it is ready: from then on the server may be stopped."""
        read_end, write_end = os.pipe()
        command = [sys.executable, "-m", "lab.scenarios.run.restarter", str(file), "stay" if stays else "lease"]
        with (self._settings.home / "restarter.log").open("ab") as log:
            # A session of its own: neither Ctrl-C nor a closed terminal reaches it.
            process = subprocess.Popen(
                command,
                cwd=self._settings.root,
                env={**os.environ, "LAB_HOME": str(self._settings.home)},
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        os.close(read_end)
        assert process.stdout is not None
        ready = _line(process.stdout.fileno(), _RESTARTER_TIMEOUT_SECONDS)
        process.stdout.close()
        if ready != b"ready":
            os.close(write_end)
            raise LabError(
                f"{server} was not stopped: the process that would bring it back does not start.",
                f"Look into {self._settings.home / 'restarter.log'}.",
            )
        if stays:
            os.close(write_end)
        else:
            self._leashes[server] = (write_end, process)

    def _until(self, server: str) -> str:
        note = read(self._file(server))
        return f", on purpose, for another {max(0.0, note.ends_at - time.time()):.0f} s" if note else ""

    def _file(self, server: str) -> Path:
        return self._settings.home / "stopped" / f"{server}.json"


def _line(descriptor: int, seconds: float) -> bytes:
    """Read up to the end of the first line, at most so long."""
    return b"".join(_bytes(descriptor, time.monotonic() + seconds)).strip()


def _bytes(descriptor: int, deadline: float) -> Iterator[bytes]:
    while (left := deadline - time.monotonic()) > 0 and select.select([descriptor], [], [], left)[0]:
        got = os.read(descriptor, 64)
        yield got
        if not got or b"\n" in got:
            return

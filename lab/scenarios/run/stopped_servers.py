"""Stops servers for a time and restarts them, also after the process that stopped them was killed.

For each stopped server the lab's state folder has a record, and a restarter process waits for its end time. A start
of the server deletes the record; otherwise the restarter starts the server.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from lab.engines.choice import choose
from lab.engines.engine import Engine
from lab.errors import LabError
from lab.files import write_atomically
from lab.settings import LabSettings

_RESTARTER_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class StopRecord:
    """A server that is stopped on purpose, with Unix times in seconds; `token` identifies the stop."""

    server: str
    stopped_at: float
    ends_at: float
    token: str
    hidden: bool = False


def stopped(home: Path) -> list[StopRecord]:
    """Return the servers that are stopped on purpose in the lab of that state folder."""
    return [record for file in sorted((home / "stopped").glob("*.json")) if (record := read(file))]


def read(file: Path) -> StopRecord | None:
    """Return the record in a file, None when it was deleted."""
    try:
        return StopRecord(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Servers:
    """Stops and starts the servers of one lab with its engine. Safe to use from several threads."""

    def __init__(self, settings: LabSettings) -> None:
        self._settings = settings
        # By server: the write end of the lease pipe, which closes with this process, and the restarter.
        self._leases: dict[str, tuple[int, subprocess.Popen[bytes]]] = {}

    @cached_property
    def _engine(self) -> Engine:
        return choose(self._settings).engine

    def states(self) -> dict[str, str]:
        """Return the state of each server of this engine, as in `lab status`."""
        return {row.name: row.state for row in self._engine.status()}

    def check(self, server: str) -> None:
        """Check whether a server can be stopped here.

        Raises:
            LabError: there is no such server, or it does not run.
        """
        rows = {row.name: row for row in self._engine.status()}
        row = rows.get(server)
        if row is None or row.state == "done":
            names = ", ".join(name for name, other in rows.items() if other.state != "done")
            raise LabError(f"There is no server `{server}` on this engine.", f"Servers: {names}.", 2)
        if row.state == "missing":
            raise LabError(f"{server} does not run here: {row.source}.", "`lab status` shows what runs.")
        if row.state not in {"running", "starting"}:
            raise LabError(f"{server} is {row.state} already{self._until(server)}.", "`lab status` shows what runs.")

    def stop(self, server: str, seconds: float, *, hidden: bool = False, stays: bool = False) -> StopRecord:
        """Stop a server and return its record.

        Args:
            server: its name.
            seconds: the restarter starts it after so long.
            hidden: a blind run does not show its name.
            stays: the server stays stopped when this process exits.

        Raises:
            LabError: the engine or the restarter failed; the server still runs.
        """
        now = time.time()
        record = StopRecord(server, now, now + seconds, uuid.uuid4().hex, hidden)
        file = self._file(server)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(record)))
        try:
            self._start_restarter(server, file, stays=stays)
            self._engine.stop([server])
        except BaseException:
            with contextlib.suppress(LabError):
                self.start(server)
            raise
        return record

    def start(self, server: str) -> None:
        """Start a server, wait until it is ready, and end its restarter.

        Raises:
            LabError: it does not become ready; the restarter tries again.
        """
        self._engine.start([server])
        self._file(server).unlink(missing_ok=True)
        lease = self._leases.pop(server, None)
        if lease is not None:
            os.close(lease[0])
            with contextlib.suppress(subprocess.TimeoutExpired):
                lease[1].wait(timeout=5)

    def _start_restarter(self, server: str, file: Path, *, stays: bool) -> None:
        """Start the restarter and wait until it is ready."""
        read_end, write_end = os.pipe()
        command = [sys.executable, "-m", "lab.scenarios.run.restarter", str(file), "stay" if stays else "lease"]
        with (self._settings.home / "restarter.log").open("ab") as log:
            # In a new session it receives neither Ctrl-C nor the signal of a closed terminal.
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
        with process.stdout as output:
            # It prints its only line at once.
            readable, _, _ = select.select([output], [], [], _RESTARTER_TIMEOUT_SECONDS)
            ready = bool(readable) and output.readline() == b"ready\n"
        if not ready:
            os.close(write_end)
            raise LabError(
                f"{server} was not stopped: the process that would bring it back does not start.",
                f"Look into {self._settings.home / 'restarter.log'}.",
            )
        if stays:
            os.close(write_end)
        else:
            self._leases[server] = (write_end, process)

    def _until(self, server: str) -> str:
        record = read(self._file(server))
        return f", on purpose, for another {max(0.0, record.ends_at - time.time()):.0f} s" if record else ""

    def _file(self, server: str) -> Path:
        return self._settings.home / "stopped" / f"{server}.json"

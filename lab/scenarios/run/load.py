"""The users of a scenario, in addition to the baseline ones: a Locust process on the host."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab.errors import LabError

_STOP_TIMEOUT_SECONDS = 10.0


class Load:
    """A headless Locust process that ends with the run, also when the run is killed.

    It sends its statistics to the baseline Locust at `page`, and at its end it writes the confirmed appointments to
    the file `ledger`.
    """

    def __init__(self, root: Path, host: str, log: Path, *, page: str = "") -> None:
        self._root = root
        self._host = host
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._output = log.with_suffix(".json.tmp")
        self._page = page
        self.ledger = log.with_suffix(".ledger.json")

    def start(self, environment: dict[str, str], users: list[str]) -> None:
        """Start these user classes; `loadtest/locustfile.py` describes `environment`.

        Raises:
            LabError: Locust is not installed in this Python.
        """
        if importlib.util.find_spec("locust") is None:
            raise LabError("Locust is not installed here, and this scenario brings users of its own.", "Run `make up`.")
        command = [sys.executable, "-m", "locust", "--locustfile=loadtest/locustfile.py", f"--host={self._host}"]
        command += ["--headless", "--only-summary", "--json", "--exit-code-on-error=0", "--stop-timeout=2", *users]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**environment, "LAB_STATS_URL": self._page, "LAB_LEDGER": str(self.ledger)}
        with self._log.open("wb") as log, self._output.open("wb") as output:
            # In a new session Ctrl-C signals the run only, which stops the users after the faults.
            self._process = subprocess.Popen(
                command,
                cwd=self._root,
                env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )

    def failure(self) -> str | None:
        """Return why Locust ended before `stop`, or None."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"Locust ended with {self._process.returncode}; its log is {self._log}"

    def stop(self) -> dict[str, Any]:
        """Stop the users and return their requests and failures by request name."""
        if self._process is None:
            return {}
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        try:
            rows = json.loads(self._output.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            rows = []
        self._output.unlink(missing_ok=True)
        return {row["name"]: {"requests": row["num_requests"], "failures": row["num_failures"]} for row in rows}

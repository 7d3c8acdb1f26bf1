"""The users that a scenario brings concurrent_alerts the baseline ones: a Locust of its own, on the host."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.errors import LabError


class Load:
    """A headless Locust that ends with the run, at the latest after `seconds`, even when the run is killed.

    It sends its statistics to the baseline one at `page`, which counts these users too. `ledger` is the file in which
    the confirmed appointments are stored at the end.
    """

    def __init__(self, root: Path, host: str, log: Path, *, page: str = "") -> None:
        self._root = root
        self._host = host
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._answer = log.with_suffix(".json.tmp")
        self._page = page
        self.ledger = log.with_suffix(".ledger.json")

    def start(self, environment: dict[str, str], users: list[str]) -> None:
        """Start these user classes; `environment` says which scenario, see `loadtest/locustfile.py`.

        Raises:
            LabError: Locust is not installed in this Python.
        """
        if importlib.util.find_spec("locust") is None:
            raise LabError("Locust is not installed here, and this scenario brings users of its own.", "Run `make up`.")
        command = [sys.executable, "-m", "locust", "--locustfile=loadtest/locustfile.py", f"--host={self._host}"]
        command += ["--headless", "--only-summary", "--json", "--exit-code-on-error=0", "--stop-timeout=2", *users]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**environment, "LAB_STATS_URL": self._page, "LAB_LEDGER": str(self.ledger)}
        with self._log.open("wb") as log, self._answer.open("wb") as answer:
            # A session of its own: Ctrl-C reaches the run only, which then stops the users in its own order.
            self._process = subprocess.Popen(
                command,
                cwd=self._root,
                env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=log,
                start_new_session=True,
            )

    def died(self) -> str | None:
        """Return why the users ended before their stop, or None."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"Locust ended with {self._process.returncode}; its words are in {self._log}"

    def stop(self, patience: float = 10.0) -> dict[str, Any]:
        """Stop the users and return what they saw: requests, failures, and the 95th percentile in seconds."""
        if self._process is None:
            return {}
        if self._process.poll() is None:
            self._process.terminate()
        deadline = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = None
        return self._figures()

    def _figures(self) -> dict[str, Any]:
        try:
            checks = json.loads(self._answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            checks = []
        with contextlib.suppress(OSError):
            self._answer.unlink()
        return {row["name"]: {"requests": row["num_requests"], "failures": row["num_failures"]} for row in checks}

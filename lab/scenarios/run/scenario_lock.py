"""The lock of a lab's scenarios: two at a time would observe each other's faults."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError


@contextmanager
def scenario_lock(home: Path, name: str) -> Iterator[None]:
    """Hold the lab's scenario lock; the kernel releases it when this process exits.

    Raises:
        LabError: another scenario runs; the message has its name, process and age.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "scenario.lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise LabError(
                _describe_holder(file.read()), "Wait for it to end, or stop it with Ctrl-C where it runs."
            ) from error
        file.truncate(0)
        file.write(json.dumps({"scenario": name, "process": os.getpid(), "started_at": time.time()}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _describe_holder(text: str) -> str:
    try:
        other = json.loads(text)
        age = time.time() - other["started_at"]
        return f"The scenario `{other['scenario']}` runs already (process {other['process']}, for {age:.0f} s)."
    except (ValueError, KeyError):
        return "Another scenario runs already."

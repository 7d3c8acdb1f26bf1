"""What `docker` and `docker compose` are asked, and what their answers mean."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.errors import LabError
from lab.settings import LabSettings


def state_of(row: Mapping[str, Any]) -> str:
    """State of a container in the lab's words, from a row of `docker compose ps --format json`."""
    if row["State"] == "running":
        return {"starting": "starting", "unhealthy": "failed"}.get(row.get("Health", ""), "running")
    if row["State"] == "exited":
        if row["ExitCode"]:
            return "failed"
        return "done" if row["Service"] == "init" else "stopped"
    return {"restarting": "failed", "dead": "failed"}.get(row["State"], "stopped")


def compose(
    settings: LabSettings, *arguments: str, show: bool = False, seconds: float | None = None, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `docker compose` for this lab (exit code 124 after `seconds`).

    Args:
        show: let its words go to the terminal.
        given: what it reads from its standard input.
    """
    command, environment = _command(settings, arguments), _environment(settings)
    try:
        return subprocess.run(
            command,
            env=environment,
            input=given,
            capture_output=not show,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds} s")


def run_and_stream(
    settings: LabSettings, arguments: Iterable[str], say: Callable[[str], None]
) -> tuple[int, list[str]]:
    """Run `docker compose`, hand each line to `say`, and return its exit code with all lines."""
    # A session of its own: Ctrl-C reaches this command first, which then asks Compose once.
    with subprocess.Popen(
        _command(settings, arguments),
        env=_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        lines = []
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
                say(line)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            raise
        return process.wait(), lines


def _command(settings: LabSettings, arguments: Iterable[str]) -> list[str]:
    return ["docker", "compose", "--project-directory", str(settings.root), *arguments]


def _environment(settings: LabSettings) -> dict[str, str]:
    # The values that the lab was started with, though `.env` or the shell have changed since.
    return {**os.environ, **settings.values}


def rows(settings: LabSettings, quiet: bool = False) -> list[dict[str, Any]]:
    """The lab's containers, as `docker compose ps --format json` has them; `quiet` takes no answer for none.

    Raises:
        LabError: Docker does not answer.
    """
    try:
        # An engine that hangs must not hold up every command.
        answer = compose(settings, "ps", "--all", "--format", "json", seconds=30)
    except FileNotFoundError:
        answer = subprocess.CompletedProcess([], 127, "", "there is no `docker` program")
    if answer.returncode:
        if quiet:
            return []
        raise LabError(
            f"`docker compose ps` failed: {answer.stderr.strip()[-300:]}", "`lab doctor` looks for the cause."
        )
    return [json.loads(line) for line in answer.stdout.splitlines()]


def inspect(containers: list[str]) -> dict[str, dict[str, Any]]:
    """What `docker inspect` says of each, by the first twelve characters of its id."""
    if not containers:
        return {}
    answer = subprocess.run(["docker", "inspect", *containers], capture_output=True, text=True, check=False)
    return {row["Id"][:12]: row for row in json.loads(answer.stdout or "[]")}


def restarts(container: str) -> int:
    """Return how often the engine has restarted a container."""
    facts = inspect([container]).values()
    return max((int(row["RestartCount"]) for row in facts), default=0)


def memory(containers: list[str]) -> dict[str, int]:
    """Bytes by container, without the page cache."""
    if not containers:
        return {}
    command = ["docker", "stats", "--no-stream", "--format", "{{.ID}} {{.MemUsage}}", *containers]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {}
    for line in answer.stdout.splitlines():
        identity, used = line.split()[:2]
        number = re.fullmatch(r"([\d.]+)([KMG]?i?B)", used)
        if number:
            found[identity[:12]] = int(float(number[1]) * {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30}[number[2][0]])
    return found


def age(started: str) -> float | None:
    """Seconds since a moment in Docker's form; None where it is not one."""
    # Nanoseconds, which Python does not read.
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", started)
    if not found:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(found[1]).replace(tzinfo=UTC)).total_seconds()

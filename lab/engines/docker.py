"""Runs `docker` and `docker compose`, and parses their output."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lab import proxies
from lab.errors import LabError
from lab.settings import LabSettings

# A healthy engine answers in milliseconds; one that hangs must not hold up a command.
SECONDS = 10


def run(
    command: Sequence[str], seconds: float | None = SECONDS, given: str | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its output as text; exit code 124 after `seconds`, 127 if there is no such program.

    Args:
        command: the program with its arguments.
        seconds: time limit, or None.
        given: its standard input.
        options: others of `subprocess.run`.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    try:
        return subprocess.run(command, input=given, text=True, check=False, timeout=seconds, **options)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds} s")
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"there is no `{command[0]}` program")


def state_of(row: Mapping[str, Any]) -> str:
    """Return the state of a service from its row of `docker compose ps --format json`."""
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
    """Run `docker compose` for this lab; exit code 124 after `seconds`.

    Args:
        settings: of the lab.
        arguments: of `docker compose`.
        show: its output goes to the terminal.
        seconds: time limit, or None.
        given: its standard input.
    """
    shown: dict[str, Any] = {"stdout": None, "stderr": None} if show else {}
    return run(_command(settings, arguments), seconds, given, env=_environment(settings), **shown)


def run_and_stream(
    settings: LabSettings, arguments: Iterable[str], say: Callable[[str], None]
) -> tuple[int, list[str]]:
    """Run `docker compose`, call `say` with each line of output; return the exit code and all lines."""
    # A session of its own: Ctrl-C reaches this command first, which then interrupts Compose once.
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
    hosts = [settings.values.get(proxies.NO_PROXY, ""), proxies.docker_no_proxy(os.environ)]
    return {**os.environ, **settings.values, proxies.NO_PROXY: ",".join(filter(None, hosts))}


def rows(settings: LabSettings, quiet: bool = False) -> list[dict[str, Any]]:
    """Return the rows of `docker compose ps --format json`; with `quiet` none if Docker does not answer.

    Raises:
        LabError: Docker does not answer.
    """
    answer = compose(settings, "ps", "--all", "--format", "json", seconds=30)
    if answer.returncode:
        if quiet:
            return []
        raise LabError(
            f"`docker compose ps` failed: {answer.stderr.strip()[-300:]}", "`lab doctor` looks for the cause."
        )
    return [json.loads(line) for line in answer.stdout.splitlines()]


def inspect(containers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what `docker inspect` reports of each container, by the first twelve characters of its id."""
    names = list(containers)
    answer = run(["docker", "inspect", *names], None).stdout if names else ""
    return {row["Id"][:12]: row for row in json.loads(answer or "[]")}


def memory(containers: list[str]) -> dict[str, int]:
    """Return bytes by container, without the page cache."""
    command = ["docker", "stats", "--no-stream", "--format", "{{.ID}} {{.MemUsage}}", *containers]
    lines = run(command, None).stdout.splitlines() if containers else []
    found = {}
    for line in lines:
        identity, used = line.split()[:2]
        number = re.fullmatch(r"([\d.]+)([KMG]?i?B)", used)
        if number:
            found[identity[:12]] = int(float(number[1]) * {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30}[number[2][0]])
    return found


def age(started: str) -> float | None:
    """Return the seconds since a time as Docker writes it; None if it is no time."""
    # The rest is nanoseconds, which Python cannot parse.
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", started)
    if not found:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(found[1]).replace(tzinfo=UTC)).total_seconds()

"""The compose engine: runs `docker compose`, and waits until the services are ready."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from lab.console import Console
from lab.engines import containers, docker, volume_versions
from lab.engines.config_reload import RELOADED_BY_SIGHUP, at_start_only
from lab.engines.engine import Diagnosis, Engine, ServiceStatus, answers, start_failure
from lab.engines.mounts import check_mounts
from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings, read_state

# From the start of the first container until the last one is ready; 20 s were measured on two cores.
READY_SECONDS = 180
# A container with so many restarts has failed.
MAX_RESTARTS = 4
# gunicorn's line about a worker that ended; the reason is in the lines before it.
_GUNICORN = re.compile(r"\[\d{4}-\d\d-\d\d .*\[(ERROR|WARNING)\] (Worker|Shutting down|Reason)")
_CONTAINER = re.compile(r"Container \S+?-(?P<service>[a-z]+)-\d+\s+(?P<event>\w+)")
_IMAGE = re.compile(r"(?P<service>\S+) (?P<event>Pulling|Pulled|Building|Built)\s*$")


def adopt(settings: LabSettings) -> bool:
    """Write the state of a lab that plain `docker compose up` has started; return whether there is one."""
    if read_state(settings.home) is not None or not docker.rows(settings, quiet=True):
        return False
    engine = ComposeEngine(settings)
    engine._record_state(engine.left_out())
    return True


class ComposeEngine(Engine):
    """The lab as containers."""

    name = "compose"

    def up(self, board: Board) -> dict[str, str]:
        """Run `docker compose up` and wait until every service is ready."""
        left_out = self.left_out()
        for name, reason in left_out.items():
            board.missing(name, reason)
        self._check(left_out, board)
        self._up(board, left_out, "--remove-orphans")
        self._wait(board, [name for name in self.services if name not in left_out])
        volume_versions.record(self.settings, self.name, self.services, self._volumes())
        return left_out

    def down(self, board: Board) -> None:
        """Run `docker compose down`; the named volumes stay."""
        self._run_shown(board, "down", "--remove-orphans", word="stopped")
        self.settings.state_file.unlink(missing_ok=True)

    def clean(self, board: Board) -> None:
        """Stop, and delete the containers, networks and volumes of this project."""
        self._run_shown(board, "down", "--remove-orphans", "--volumes", word="deleted")
        self.settings.state_file.unlink(missing_ok=True)

    def restart(self, names: Sequence[str], board: Board) -> None:
        """Recreate the containers with the current settings and code."""
        left_out = self.left_out()
        self._up(board, left_out, "--force-recreate", *(["--no-deps", *names] if names else []))
        self._wait(board, names or [name for name in self.services if name not in left_out])

    def stop(self, names: Sequence[str]) -> None:
        """Run `docker compose stop`; the containers stay, and Docker does not restart them."""
        self._run_for(names, "stop")

    def start(self, names: Sequence[str]) -> None:
        """Start the same containers again, without their dependencies, and wait until they are ready."""
        # `docker compose start` would also start their dependencies, which may be stopped on purpose.
        self._run_for(names, "up", "--detach", "--no-deps", "--no-recreate", "--no-build")
        self._wait(Board(Console(quiet=True)), names)

    def reload(self) -> list[tuple[str, str]]:
        """Send SIGHUP to servers; return (service, file) of files that changed since their container started."""
        rows = {name: row for name, row in self._rows().items() if row["State"] == "running"}
        if servers := [name for name in RELOADED_BY_SIGHUP if name in rows]:
            self._run_for(servers, "kill", "--signal", "HUP")
        details = docker.inspect(row["ID"] for row in rows.values())
        waiting = []
        for name, row in rows.items():
            age = docker.age(details.get(row["ID"][:12], {}).get("State", {}).get("StartedAt", ""))
            for _, file in self.services[name].mounted_files(self.settings.root) if age is not None else ():
                inner = file.relative_to(self.settings.root).as_posix()
                if at_start_only(inner) and file.stat().st_mtime > time.time() - (age or 0):
                    waiting.append((name, inner))
        return waiting

    def store_secret(self, name: str, value: str) -> None:
        """Run `init`, which writes it into the volume; standard input keeps it out of process lists."""
        run = ("run", "--rm", "--no-deps", "--no-TTY", "init", "-m", "services.init", "store", name)
        answer = docker.compose(self.settings, *run, given=value)
        if answer.returncode:
            reason = _last_lines(answer.stderr)
            raise LabError(f"The secret `{name}` cannot be stored: {reason}", "`lab doctor` looks for the cause.")

    def read_secret(self, name: str) -> str:
        """Read a secret from the lab's volume, in a running container."""
        reason = ""
        for service in ("assistant", "model", "pager"):
            answer = docker.compose(self.settings, "exec", "-T", service, "cat", f"/run/lab/secrets/{name}")
            if answer.returncode == 0:
                return answer.stdout.strip()
            reason = answer.stderr.strip()
        raise LabError(f"The secret `{name}` cannot be read: {reason}", "Is the lab running? `lab status`.")

    def _run_for(self, names: Sequence[str], command: str, *options: str) -> None:
        self._require_known(names)
        answer = docker.compose(self.settings, command, *options, *names, seconds=READY_SECONDS)
        if answer.returncode:
            raise LabError(
                f"`docker compose {command} {' '.join(names)}` failed: {_last_lines(answer.stderr)}",
                "`lab doctor` looks for it.",
            )

    def status(self) -> list[ServiceStatus]:
        """Return one row per service."""
        last = read_state(self.settings.home)
        known = last.missing if last else {}
        rows = self._rows()
        details = docker.inspect(row["ID"] for row in rows.values())
        memory = docker.memory([row["ID"] for row in rows.values() if row["State"] == "running"])
        found = []
        for name, service in self.services.items():
            row = rows.get(name)
            url = self.settings.url(name) if self._is_published(name) and name != "collector" else None
            if row is None:
                state, source = ("missing", known[name]) if name in known else ("stopped", service.image)
                found.append(ServiceStatus(name, state, service.version, source, url))
                continue
            state = docker.state_of(row)
            if state == "starting" and self._works(name, state):
                state = "running"
            started = details.get(row["ID"][:12], {}).get("State", {}).get("StartedAt", "")
            uptime = docker.age(started) if state in {"running", "starting"} else None
            used = memory.get(row["ID"][:12])
            found.append(ServiceStatus(name, state, service.version, service.image, url, used, uptime))
        return found

    def diagnoses(self) -> list[Diagnosis]:
        """Return data of another version, and problems of containers."""
        other = volume_versions.conflicts(self.settings, self.name, self.services, self._volumes())
        return other + containers.diagnoses(self.settings, self.services, docker.rows(self.settings))

    def logs(self, names: Sequence[str], lines: int, follow: bool) -> None:
        """Run `docker compose logs`."""
        options = ["--tail", str(lines), *(["--follow"] if follow else [])]
        docker.compose(self.settings, "logs", *options, *names, show=True)

    def left_out(self) -> dict[str, str]:
        """Return the reason by name of a service that the user's override file or profile leaves out."""
        answer = docker.compose(self.settings, "config", "--services")
        if answer.returncode:
            raise LabError(f"Compose cannot read the lab's files: {answer.stderr.strip()}", "Fix the named line.", 2)
        return {
            name: f"{name} is left out of this Compose project"
            for name in self.services
            if name not in answer.stdout.split()
        }

    def _check(self, left_out: Mapping[str, str], board: Board) -> None:
        """Check what would fail minutes later."""
        check_mounts(self.settings)
        wanted = {name: service for name, service in self.services.items() if name not in left_out}
        containers.require_ports(self.settings, wanted, docker.rows(self.settings))
        for diagnosis in volume_versions.conflicts(self.settings, self.name, wanted, self._volumes()):
            if diagnosis.fatal:
                raise LabError(f"{diagnosis.service}: {diagnosis.text}.", diagnosis.remedy)
            board.note(diagnosis.service, f"{diagnosis.text} ({diagnosis.remedy})")

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["Service"]: row for row in docker.rows(self.settings)}

    def _volumes(self) -> dict[str, str]:
        answer = docker.compose(self.settings, "config", "--format", "json")
        return containers.volumes(json.loads(answer.stdout or "{}"))

    def _up(self, board: Board, left_out: dict[str, str], *options: str) -> None:
        first = read_state(self.settings.home) is None
        try:
            self._run_shown(board, "up", "--detach", "--build", *options, word="started")
        except KeyboardInterrupt:
            if first:
                docker.compose(self.settings, "down", "--remove-orphans")
            raise
        self._record_state(left_out)

    def _run_shown(self, board: Board, *arguments: str, word: str) -> None:
        """Run Compose, and show its output about a container in the row of the service."""
        board.working("compose", "images and containers" if arguments[0] == "up" else "containers")

        def say(line: str) -> None:
            if found := _CONTAINER.search(line) or _IMAGE.search(line):
                service, event = found["service"], found["event"].lower()
                if service in self.services and event not in {"waiting", "exited", "healthy"}:
                    board.working(service, event)
            elif board.console.is_terminal and line.strip():
                board.working("compose", line.strip()[:100])

        code, lines = docker.run_and_stream(self.settings, ["--progress", "plain", *arguments], say)
        if code:
            board.failed("compose", f"`docker compose {arguments[0]}` failed")
            last = "\n".join(f"  {line}" for line in lines[-8:])
            causes = [diagnosis for diagnosis in self.diagnoses() if diagnosis.fatal] if arguments[0] == "up" else []
            causes_text = "".join(f"\n  {diagnosis.service}: {diagnosis.text}" for diagnosis in causes)
            remedy = causes[0].remedy if causes else "`make doctor` looks for the cause."
            raise LabError(f"`docker compose {arguments[0]}` failed:\n{last}{causes_text}", remedy)
        board.done("compose", word)
        if arguments[0] != "up":
            for name in self.services:
                board.done(name, word)

    def _wait(self, board: Board, names: Sequence[str]) -> None:
        deadlines = dict.fromkeys(names, time.monotonic() + READY_SECONDS)
        failed: dict[str, str] = {}
        while deadlines:
            failed |= self._settle(deadlines, partial(self._fault, self._rows()), board)
            time.sleep(0.2 if deadlines else 0)
        if failed:
            raise start_failure(failed)

    def _ready_text(self, name: str) -> str:
        return f"ready at {self.settings.url(name)}" if self._is_published(name) else "done"

    def _is_published(self, name: str) -> bool:
        return bool(self.services[name].raw.get("ports"))

    def _fault(self, rows: Mapping[str, Mapping[str, Any]], name: str, late: bool) -> str | None:
        """Return None while a service starts, an empty text once it is ready, else why it failed."""
        if name not in rows:
            return "Compose made no container for it"
        row = rows[name]
        state = docker.state_of(row)
        if state == "done" or self._works(name, state):
            return ""
        if state == "failed" and name == "init":
            return f"it ended with exit code {row['ExitCode']}: {self._last_output(name)}"
        if state == "failed" and self._restarts(row["ID"]) >= MAX_RESTARTS:
            return f"it ended repeatedly: {self._last_output(name)}"
        if late:
            return f"{state}, but not ready after {READY_SECONDS} s: {self._last_output(name)}"
        return None

    def _works(self, name: str, state: str) -> bool:
        """Return whether a container in this state works; one with a published port must answer."""
        if not self._is_published(name):
            return state == "running"
        # Docker's own check begins after its interval; the service may answer before.
        path = httpx.URL(str(self.services[name].native["ready"])).path
        return state in {"running", "starting"} and answers(self.settings.url(name) + path)

    def _restarts(self, container: str) -> int:
        return max((int(row["RestartCount"]) for row in docker.inspect([container]).values()), default=0)

    def _last_output(self, name: str) -> str:
        answer = docker.compose(self.settings, "logs", "--no-log-prefix", "--tail", "8", name)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        useful = [line[:300] for line in lines if not _GUNICORN.match(line)]
        return " | ".join((useful or lines)[-2:]) or "it wrote nothing"


def _last_lines(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-3:])

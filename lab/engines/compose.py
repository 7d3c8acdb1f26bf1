"""The compose engine: runs `docker compose` and waits until the services are ready."""

import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from lab import compose_file
from lab.console import Console
from lab.engines import containers, docker, volume_versions
from lab.engines.config_reload import RELOADED_BY_SIGHUP, at_start_only, mounted
from lab.engines.engine import Diagnosis, ServiceStatus, start_failure
from lab.engines.mounts import check_mounts
from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings, State, read_state

# From the first container's start to the last one's readiness; 20 s were seen on two cores.
READY_SECONDS = 180
# After so many restarts a container counts as failed.
MAX_RESTARTS = 4
# gunicorn's line about a worker that ended; the reason is in the lines before it.
_GUNICORN = re.compile(r"\[\d{4}-\d\d-\d\d .*\[(ERROR|WARNING)\] (Worker|Shutting down|Reason)")
_CONTAINER = re.compile(r"Container \S+?-(?P<service>[a-z]+)-\d+\s+(?P<event>\w+)")
_IMAGE = re.compile(r"(?P<service>\S+) (?P<event>Pulling|Pulled|Building|Built)\s*$")


def adopt(settings: LabSettings) -> bool:
    """Take over a lab that `docker compose up` started without this command; whether there was one."""
    if read_state(settings.home) is not None or not docker.rows(settings, quiet=True):
        return False
    left_out = ComposeEngine(settings).left_out()
    State(ComposeEngine.name, time.time(), dict(settings.values), left_out).write(settings)
    return True


class ComposeEngine:
    """The lab as containers."""

    name = "compose"

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self.services = compose_file.load(settings.root / "docker-compose.yml", settings.values)

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
        """`docker compose down`; the named volumes stay."""
        self._follow(board, "down", "--remove-orphans", word="stopped")
        self.settings.state_file.unlink(missing_ok=True)

    def clean(self, board: Board) -> None:
        """Stop, and delete the containers, networks and volumes of this project."""
        self._follow(board, "down", "--remove-orphans", "--volumes", word="deleted")
        self.settings.state_file.unlink(missing_ok=True)

    def restart(self, names: Iterable[str], board: Board) -> None:
        """Recreate the containers with the current settings and code."""
        chosen = list(names)
        left_out = self.left_out()
        self._up(board, left_out, "--force-recreate", *(["--no-deps", *chosen] if chosen else []))
        self._wait(board, chosen or [name for name in self.services if name not in left_out])

    def stop(self, names: Iterable[str]) -> None:
        """`docker compose stop`; the containers stay as they are, and `unless-stopped` leaves them alone."""
        self._some("stop", list(names))

    def start(self, names: Iterable[str]) -> None:
        """Start the same containers again, without their dependencies, and wait until they can do their work."""
        chosen = list(names)
        # `docker compose start` would start what they depend on as well, and that may be stopped on purpose.
        self._some("up", chosen, "--detach", "--no-deps", "--no-recreate", "--no-build")
        self._wait(Board(Console(quiet=True)), chosen)

    def reload(self) -> list[tuple[str, str]]:
        """Send SIGHUP; return (service, file) of files that changed since their container started."""
        rows = {row["Service"]: row for row in docker.rows(self.settings) if row["State"] == "running"}
        if servers := [name for name in RELOADED_BY_SIGHUP if name in rows]:
            self._some("kill", servers, "--signal", "HUP")
        details = docker.inspect([row["ID"] for row in rows.values()])
        waiting = []
        for name, row in rows.items():
            age = docker.age(details.get(row["ID"][:12], {}).get("State", {}).get("StartedAt", ""))
            for file in mounted(self.services[name], self.settings.root) if age is not None else ():
                inner = file.relative_to(self.settings.root).as_posix()
                if at_start_only(inner) and file.stat().st_mtime > time.time() - (age or 0):
                    waiting.append((name, inner))
        return waiting

    def store_secret(self, name: str, value: str) -> None:
        """Let `init` write it into the volume. Standard input keeps it out of process lists."""
        run = ("run", "--rm", "--no-deps", "--no-TTY", "init", "-m", "services.init", "store", name)
        answer = docker.compose(self.settings, *run, given=value)
        if answer.returncode:
            said = " | ".join(answer.stderr.strip().splitlines()[-3:])
            raise LabError(f"The secret `{name}` cannot be stored: {said}", "`lab doctor` looks for the cause.")

    def read_secret(self, name: str) -> str:
        """Read a secret from the lab's volume, in a running container."""
        reason = ""
        for service in ("assistant", "model", "pager"):
            answer = docker.compose(self.settings, "exec", "-T", service, "cat", f"/run/lab/secrets/{name}")
            if answer.returncode == 0:
                return answer.stdout.strip()
            reason = answer.stderr.strip()
        raise LabError(f"The secret `{name}` cannot be read: {reason}", "Is the lab running? `lab status`.")

    def _some(self, what: str, names: list[str], *options: str) -> None:
        for name in names:
            if name not in self.services:
                raise LabError(f"There is no service `{name}`.", f"Services: {', '.join(self.services)}.", 2)
        answer = docker.compose(self.settings, what, *options, *names, seconds=READY_SECONDS)
        if answer.returncode:
            said = " | ".join(answer.stderr.strip().splitlines()[-3:])
            raise LabError(f"`docker compose {what} {' '.join(names)}` failed: {said}", "`lab doctor` looks for it.")

    def status(self) -> list[ServiceStatus]:
        """One row a service."""
        last = read_state(self.settings.home)
        known = last.missing if last else {}
        rows = {row["Service"]: row for row in docker.rows(self.settings)}
        details = docker.inspect([row["ID"] for row in rows.values()])
        memory = docker.memory([row["ID"] for row in rows.values() if row["State"] == "running"])
        found = []
        for name, service in self.services.items():
            row = rows.get(name)
            url = self.settings.url(name) if service.raw.get("ports") and name != "collector" else None
            version = service.image.rpartition(":")[2].removeprefix("v")
            if row is None:
                state, source = ("missing", known[name]) if name in known else ("stopped", service.image)
                found.append(ServiceStatus(name, state, version, source, url))
                continue
            state = docker.state_of(row)
            if state == "starting" and self._works(name, state):
                state = "running"
            started = details.get(row["ID"][:12], {}).get("State", {}).get("StartedAt", "")
            uptime = docker.age(started) if state in {"running", "starting"} else None
            found.append(ServiceStatus(name, state, version, service.image, url, memory.get(row["ID"][:12]), uptime))
        return found

    def diagnoses(self) -> list[Diagnosis]:
        """Data of another version, and what containers suffer from."""
        other = volume_versions.conflicts(self.settings, self.name, self.services, self._volumes())
        return other + containers.diagnoses(self.settings, self.services, docker.rows(self.settings))

    def logs(self, names: Iterable[str], lines: int, follow: bool) -> None:
        """`docker compose logs`."""
        options = ["--tail", str(lines), *(["--follow"] if follow else [])]
        docker.compose(self.settings, "logs", *options, *names, show=True)

    # --- up -------------------------------------------------------------------------------------------------------

    def left_out(self) -> dict[str, str]:
        """Services that the user's own override file or profile leaves out; Compose merges those, not we."""
        answer = docker.compose(self.settings, "config", "--services")
        if answer.returncode:
            raise LabError(f"Compose cannot read the lab's files: {answer.stderr.strip()}", "Fix the named line.", 2)
        return {
            name: f"{name} is left out of this Compose project"
            for name in self.services
            if name not in answer.stdout.split()
        }

    def _check(self, left_out: Mapping[str, str], board: Board) -> None:
        """Check what would otherwise fail after minutes of starting."""
        check_mounts(self.settings)
        wanted = {name: service for name, service in self.services.items() if name not in left_out}
        containers.require_ports(self.settings, wanted, docker.rows(self.settings))
        for diagnosis in volume_versions.conflicts(self.settings, self.name, wanted, self._volumes()):
            if diagnosis.fatal:
                raise LabError(f"{diagnosis.service}: {diagnosis.text}.", diagnosis.remedy)
            board.note(diagnosis.service, f"{diagnosis.text} ({diagnosis.remedy})")

    def _volumes(self) -> dict[str, str]:
        answer = docker.compose(self.settings, "config", "--format", "json")
        return containers.volumes(json.loads(answer.stdout or "{}"))

    def _up(self, board: Board, left_out: dict[str, str], *options: str) -> None:
        first = read_state(self.settings.home) is None
        try:
            self._follow(board, "up", "--detach", "--build", *options, word="started")
        except KeyboardInterrupt:
            if first:
                docker.compose(self.settings, "down", "--remove-orphans")
            raise
        previous = read_state(self.settings.home)
        started_at = previous.started_at if previous else time.time()
        State(self.name, started_at, dict(self.settings.values), left_out).write(self.settings)

    def _follow(self, board: Board, *arguments: str, word: str) -> None:
        """Run Compose; what it says of a container is shown in the row of its service."""
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

    def _wait(self, board: Board, names: Iterable[str]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        pending = list(names)
        failed: dict[str, str] = {}
        while pending:
            rows = {row["Service"]: row for row in docker.rows(self.settings)}
            for name in list(pending):
                fault = self._fault(name, rows.get(name), time.monotonic() > deadline)
                if fault is None:
                    continue
                pending.remove(name)
                if fault:
                    failed[name] = fault
                    board.failed(name, fault)
                else:
                    board.done(name, "done" if name not in self._fronts else f"ready at {self.settings.url(name)}")
            time.sleep(0.2 if pending else 0)
        if failed:
            raise start_failure(failed)

    @property
    def _fronts(self) -> list[str]:
        return [name for name, service in self.services.items() if service.raw.get("ports")]

    def _fault(self, name: str, row: Mapping[str, Any] | None, late: bool) -> str | None:
        """Return None while it starts, an empty text once it is ready, else what went wrong."""
        if row is None:
            return "Compose made no container for it"
        state = docker.state_of(row)
        if state == "done" or self._works(name, state):
            return ""
        if state == "failed" and name == "init":
            return f"it ended with exit code {row['ExitCode']}: {self._last_output(name)}"
        if state == "failed" and docker.restarts(row["ID"]) >= MAX_RESTARTS:
            return f"it ended repeatedly: {self._last_output(name)}"
        if late:
            return f"{state}, but not ready after {READY_SECONDS} s: {self._last_output(name)}"
        return None

    def _works(self, name: str, state: str) -> bool:
        """Whether a container in this state can do its work; who has a port is asked."""
        if name not in self._fronts:
            return state == "running"
        # Docker's own check asks for the first time after its interval; the service may answer before.
        return state in {"running", "starting"} and self._answers(name)

    def _answers(self, name: str) -> bool:
        path = httpx.URL(str(self.services[name].native["ready"])).path
        try:
            return httpx.get(self.settings.url(name) + path, timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _last_output(self, name: str) -> str:
        answer = docker.compose(self.settings, "logs", "--no-log-prefix", "--tail", "8", name)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        useful = [line[:300] for line in lines if not _GUNICORN.match(line)]
        return " | ".join((useful or lines)[-2:]) or "it wrote nothing"

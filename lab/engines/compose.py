"""The compose engine: thin words around `docker compose`, which does the work."""

import json
import subprocess
import time
from collections.abc import Iterable

from lab import compose_file
from lab.engines import ServiceStatus
from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings, State


def read_secret(settings: LabSettings, name: str) -> str:
    """A secret out of the lab's volume, read inside the assistant's container."""
    answer = _compose(settings, "exec", "-T", "assistant", "cat", f"/run/lab/secrets/{name}")
    if answer.returncode:
        raise LabError(f"The secret `{name}` cannot be read: {answer.stderr.strip()}", "Is the lab up? `make status`.")
    return answer.stdout.strip()


class ComposeEngine:
    """The lab as containers."""

    name = "compose"

    def __init__(self, settings: LabSettings) -> None:
        self.settings = settings
        self.services = compose_file.load(settings.root / "docker-compose.yml", settings.values)

    def up(self, board: Board) -> dict[str, str]:
        """`docker compose up`, until every container runs and is healthy."""
        board.working("compose", "images and containers")
        answer = _compose(self.settings, "up", "--detach", "--build", "--wait", "--remove-orphans", show=True)
        if answer.returncode:
            raise LabError("`docker compose up` failed; its words stand above.", "Try `make doctor`.")
        board.done("compose", "all containers run")
        State(self.name, time.time(), dict(self.settings.values), {}).write(self.settings)
        return {}

    def down(self, board: Board) -> None:
        """`docker compose down`; the named volumes stay."""
        board.working("compose", "stopping")
        if _compose(self.settings, "down", "--remove-orphans", show=True).returncode:
            raise LabError("`docker compose down` failed; its words stand above.", "Is the container engine running?")
        self.settings.state_file.unlink(missing_ok=True)
        board.done("compose", "stopped")

    def restart(self, names: Iterable[str], board: Board) -> None:
        """Make the containers anew, with the settings of now."""
        board.working("compose", "restarting")
        if _compose(self.settings, "up", "--detach", "--force-recreate", "--wait", *names, show=True).returncode:
            raise LabError("`docker compose up` failed; its words stand above.", "Try `lab logs NAME`.")
        board.done("compose", "restarted")

    def status(self) -> list[ServiceStatus]:
        """One row a container."""
        answer = _compose(self.settings, "ps", "--all", "--format", "json")
        rows = {row["Service"]: row for row in map(json.loads, answer.stdout.splitlines())}
        found = []
        for name, service in self.services.items():
            row = rows.get(name)
            state = "stopped" if row is None else str(row["State"])
            url = self.settings.url(name) if service.raw.get("ports") and name != "collector" else None
            found.append(ServiceStatus(name, state, service.image.rpartition(":")[2], service.image, url))
        return found

    def logs(self, names: Iterable[str], lines: int, follow: bool) -> None:
        """`docker compose logs`."""
        options = ["--tail", str(lines), *(["--follow"] if follow else [])]
        _compose(self.settings, "logs", *options, *names, show=True)


def _compose(settings: LabSettings, *arguments: str, show: bool = False) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", "--project-directory", str(settings.root), *arguments]
    return subprocess.run(command, capture_output=not show, text=True, check=False)

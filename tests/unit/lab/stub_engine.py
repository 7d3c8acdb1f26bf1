"""An engine that starts nothing."""

from collections.abc import Sequence

from lab.engines.engine import Diagnosis, Engine, ServiceStatus
from lab.progress import Board


class StubEngine(Engine):
    """An engine whose services are always ready."""

    name = "native"

    def up(self, board: Board) -> dict[str, str]:
        """Record the state of a lab that runs."""
        self._record_state({}, first=True)
        return {}

    def down(self, board: Board) -> None:
        """Do nothing."""

    def clean(self, board: Board) -> None:
        """Do nothing."""

    def restart(self, names: Sequence[str], board: Board) -> None:
        """Do nothing."""

    def stop(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def start(self, names: Sequence[str]) -> None:
        """Do nothing."""

    def reload(self) -> list[tuple[str, str]]:
        """Return no file."""
        return []

    def store_secret(self, name: str, value: str) -> None:
        """Do nothing."""

    def read_secret(self, name: str) -> str:
        """Return a secret."""
        return "secret"

    def status(self) -> list[ServiceStatus]:
        """Return a row per service."""
        return [ServiceStatus(name, "running", each.version, "x", None) for name, each in self.services.items()]

    def diagnoses(self) -> list[Diagnosis]:
        """Return none."""
        return []

    def logs(self, names: Sequence[str], lines: int, follow: bool) -> None:
        """Print nothing."""

    def _ready_text(self, name: str) -> str:
        return name

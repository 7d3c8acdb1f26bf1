"""Builds of server programs while the rest of the lab starts."""

import threading
from collections.abc import Mapping

import psutil

from lab.engines.native.programs import Found, build
from lab.errors import LabError
from lab.progress import Board


class BackgroundBuilds:
    """Builds the programs that are missing one after the other, beside the loop that waits for the servers.

    Args:
        programs: name of the program by name of the service that runs it.
        values: the settings with the versions.
    """

    def __init__(self, programs: Mapping[str, str], values: Mapping[str, str], board: Board) -> None:
        self._programs = programs
        self._values = values
        self._board = board
        self._results: list[tuple[str, Found | str]] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="build", daemon=True)

    def start(self) -> None:
        """Begin with the first one."""
        for name in self._programs:
            self._board.working(name, "waiting for the build before it")
        self._thread.start()

    def busy(self) -> bool:
        """Whether a program is being built, or one was and nobody has asked for it yet."""
        with self._lock:
            return self._thread.is_alive() or bool(self._results)

    def finished(self) -> list[tuple[str, Found | str]]:
        """Services whose program has come since the last question, or why it has not."""
        with self._lock:
            results, self._results = self._results, []
        return results

    def stop(self) -> None:
        """End a build that is under way (Ctrl-C), with its compilers."""
        self._stopped.set()
        for child in psutil.Process().children(recursive=True):
            if self._thread.is_alive():
                child.kill()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        for name in self._programs:
            if self._stopped.is_set():
                return
            result: Found | str
            try:
                result = self._build(name)
            except LabError as error:
                result = f"{error.message} {error.remedy}"
            with self._lock:
                self._results.append((name, result))

    def _build(self, name: str) -> Found:
        board, program = self._board, self._programs[name]
        board.working(name, f"building {program}, once for this machine")

        def say(line: str) -> None:
            # A line of its own for each of a thousand compiler lines helps nobody.
            if board.console.is_terminal:
                board.working(name, f"building: {line}")

        return build(program, self._values, say)

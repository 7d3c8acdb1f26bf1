"""Native mode: derives the configuration, installs missing programs, starts each server and waits until it is ready."""

import shutil
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from lab import ports
from lab.compose_file import Service
from lab.console import Console
from lab.engines import volume_versions
from lab.engines.config_reload import RELOADED_BY_SIGHUP, at_start_only
from lab.engines.engine import Diagnosis, Engine, ServiceStatus, answers, start_failure
from lab.engines.native import output, secret_files
from lab.engines.native.derive import Derivation
from lab.engines.native.install.install_queue import InstallQueue
from lab.engines.native.install.programs import PROGRAMS, Found, Missing, find
from lab.engines.native.supervisor import Process, Supervisor, memory_of
from lab.errors import LabError
from lab.progress import Board
from lab.settings import LabSettings, read_state

READY_SECONDS = 90
# Senders before receivers: an assistant that outlives its Collector waits for it when it stops.
_STOP_ORDER = (
    ("loadtest", "grafana"),
    ("assistant", "model", "pager"),
    ("collector",),
    ("tempo", "loki", "alertmanager", "prometheus"),
)


class NativeEngine(Engine):
    """The lab as ordinary processes under supervisord."""

    name = "native"

    def __init__(self, settings: LabSettings) -> None:
        super().__init__(settings)
        self.services = {name: service for name, service in self.services.items() if service.runs_natively}
        self.supervisor = Supervisor(settings.native)

    def up(self, board: Board) -> dict[str, str]:
        """Start what does not run; return the reason by name of a service that cannot run here."""
        programs = {name: self._program(service) for name, service in self.services.items()}
        absent = {
            name: found.reason
            for name, found in programs.items()
            if isinstance(found, Missing) and not found.obtainable
        }
        for name, reason in absent.items():
            self._show_missing(name, reason, board)
        wanted = {name: found for name, found in programs.items() if name not in absent}
        self._check_ports(wanted)
        for diagnosis in self.diagnoses():
            board.note(diagnosis.service, f"{diagnosis.text} ({diagnosis.remedy})")
        started_daemon = not self.supervisor.running()
        try:
            self._prepare(wanted, absent)
            failed, unobtained = self._start_all(wanted, absent, board)
            absent |= unobtained
        except BaseException:
            # Ctrl-C or a failure in the middle of the first start: leave no process behind.
            if started_daemon:
                self.supervisor.shutdown()
            raise
        self._record_state(absent, first=started_daemon)
        if failed:
            raise start_failure(failed)
        volume_versions.record(self.settings, self.name, self.services, self._volumes())
        return absent

    def _prepare(self, wanted: Mapping[str, Found | Missing], absent: Mapping[str, str]) -> None:
        self.settings.native.mkdir(parents=True, exist_ok=True)
        secret_files.write_missing(self.settings.volume("secrets"))
        # A program that is being installed is no target yet: minutes without it are no outage.
        installing = [name for name, found in wanted.items() if isinstance(found, Missing)]
        for name in wanted:
            self.derivation(name).write(self.settings, (*absent, *installing))
        self._configure(wanted, absent)
        if not self.supervisor.running():
            self.supervisor.kill_orphans()
            self.supervisor.start_daemon()
        self.supervisor.reload()

    def _configure(self, wanted: Mapping[str, Found | Missing], absent: Iterable[str]) -> None:
        """Configure supervisord; programs that are still being installed count as absent."""
        here = {name: found for name, found in wanted.items() if isinstance(found, Found)}
        lacking = {*absent, *wanted} - set(here)
        self.supervisor.write([self._process(name, found, lacking) for name, found in here.items()])

    def _start_all(
        self, wanted: dict[str, Found | Missing], absent: Mapping[str, str], board: Board
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the reason by name of a service that failed, and of one whose program is unavailable."""
        deadlines: dict[str, float] = {}
        failed: dict[str, str] = {}
        unobtained: dict[str, str] = {}

        def start(name: str) -> None:
            board.working(name, "starting")
            self.supervisor.start(name)
            deadlines[name] = time.monotonic() + READY_SECONDS

        installing = {name: self.services[name].program for name, found in wanted.items() if isinstance(found, Missing)}
        for name in wanted:
            if name not in installing:
                start(name)
        queue = InstallQueue(installing, self.settings.values, board)
        queue.start()
        try:
            while deadlines or queue.busy():
                for name, result in queue.finished():
                    if isinstance(result, Found):
                        wanted[name] = result
                        for other in self._admit(name, wanted, absent):
                            start(other)
                    elif isinstance(result, Missing):
                        unobtained[name] = result.reason
                        self._show_missing(name, result.reason, board)
                    else:
                        failed[name] = result
                        board.failed(name, result)
                failed |= self._settle(deadlines, self._fault, board)
                time.sleep(0.1)
        finally:
            queue.stop()
        return failed, unobtained

    def _admit(self, installed: str, wanted: Mapping[str, Found | Missing], absent: Iterable[str]) -> list[str]:
        """Add a service whose program was installed; return it and the services that restart because of it."""
        for other in wanted:
            self.derivation(other).admit(self.settings, installed)
        self._configure(wanted, absent)
        return self.supervisor.reload()

    def _show_missing(self, name: str, reason: str, board: Board) -> None:
        board.missing(name, f"{reason}; without it: {PROGRAMS[self.services[name].program].loss}")

    def _fault(self, name: str, late: bool) -> str | None:
        """Return None while a service starts, an empty text once it is ready, else why it failed."""
        info = self.supervisor.processes().get(name)
        if info and info.state == "FATAL":
            return "it ended repeatedly: " + " | ".join(self.supervisor.tail(name, 3))
        if self._is_ready(name):
            return ""
        if late:
            last = " | ".join(self.supervisor.tail(name, 2))
            return f"not ready after {READY_SECONDS} s ({self.derivation(name).ready_url()}): {last}"
        return None

    def _check_ports(self, wanted: Iterable[str]) -> None:
        running = self.supervisor.processes()
        asked = {
            port: name
            for name in wanted
            if running.get(name) is None or running[name].state not in {"RUNNING", "STARTING"}
            for port in self.services[name].ports.values()
        }
        ports.require(asked, self.settings.ports())

    def down(self, board: Board) -> None:
        """Stop everything, senders first; keep the data."""
        running = [name for name, info in self.supervisor.processes().items() if info.state != "STOPPED"]
        rest = tuple(name for name in running if not any(name in stage for stage in _STOP_ORDER))
        for stage in (rest, *_STOP_ORDER):
            names = [name for name in stage if name in running]
            for name in names:
                board.working(name, "stopping")
            self.supervisor.stop(names)
            for name in names:
                board.done(name, "stopped")
        self.supervisor.shutdown()
        self.settings.state_file.unlink(missing_ok=True)

    def clean(self, board: Board) -> None:  # noqa: ARG002 - it takes no time
        """Delete the run folder of a lab that does not run: data, derived configuration, logs."""
        shutil.rmtree(self.settings.native, ignore_errors=True)

    def restart(self, names: Sequence[str], board: Board) -> None:
        """Stop and start services (none named: all) with the current settings."""
        self._require_known(names)
        if names:
            self.supervisor.stop(names)
        else:
            self.down(board)
        self.up(board)

    def stop(self, names: Sequence[str]) -> None:
        """Stop services; supervisord does not restart them."""
        self._require_configured(names)
        self.supervisor.stop(names)

    def start(self, names: Sequence[str]) -> None:
        """Start services with their last settings, and wait until each is ready."""
        self._require_configured(names)
        for name in names:
            self.supervisor.start(name)
        deadlines = dict.fromkeys(names, time.monotonic() + READY_SECONDS)
        failed: dict[str, str] = {}
        while deadlines:
            failed |= self._settle(deadlines, self._fault, Board(Console(quiet=True)))
            time.sleep(0.1 if deadlines else 0)
        if failed:
            raise LabError("; ".join(f"{name}: {why}" for name, why in failed.items()), "`make up` starts it again.")

    def reload(self) -> list[tuple[str, str]]:
        """Derive the files again and reload the servers; return (service, file) of files that need a restart."""
        missing = self._missing()
        waiting = []
        running = [name for name in self.supervisor.processes() if name in self.services]
        for name in running:
            derivation = self.derivation(name)
            before = derivation.copies()
            derivation.write(self.settings, missing)
            after = derivation.copies()
            changed = [file for file in {**before, **after} if before.get(file) != after.get(file)]
            waiting += [(name, file) for file in changed if at_start_only(file)]
        self.supervisor.signal([name for name in RELOADED_BY_SIGHUP if name in running], "HUP")
        return waiting

    def _require_configured(self, names: Sequence[str]) -> None:
        """Refuse services that supervisord does not have."""
        self._require_known(names)
        configured = self.supervisor.processes()
        for name in names:
            if name not in configured:
                reason = self._missing().get(name, "the lab does not run")
                raise LabError(f"{name} does not run here: {reason}.", "`lab status` shows what runs.")

    def store_secret(self, name: str, value: str) -> None:
        """Write it into the run folder, readable by its owner only."""
        folder = self.settings.volume("secrets")
        try:
            secret_files.store(folder, name, value)
        except OSError as error:
            raise LabError(
                f"The secret `{name}` cannot be stored in {folder} ({error.strerror}).", "Is the folder yours?"
            ) from error

    def read_secret(self, name: str) -> str:
        """Read a secret from the run folder."""
        try:
            return (self.settings.volume("secrets") / name).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise LabError(f"The lab has no secret `{name}`.", "Start the lab with `make up`.") from error

    def status(self) -> list[ServiceStatus]:
        """Return one row per service."""
        processes, missing = self.supervisor.processes(), self._missing()
        rows = []
        for name, service in self.services.items():
            info = processes.get(name)
            found = self._program(service)
            if info is None and isinstance(found, Missing):
                rows.append(ServiceStatus(name, "missing", service.version, missing.get(name, found.reason), None))
                continue
            # PATH may have changed since the server was started.
            source = found.source if isinstance(found, Found) else "PATH"
            state, memory, uptime = "stopped", None, None
            if info and info.state == "RUNNING":
                state = "running" if self._is_ready(name) else "starting"
                memory, uptime = memory_of(info.pid), info.seconds
            elif info and info.state in {"STARTING", "BACKOFF"}:
                state = "starting"
            elif info and info.state in {"FATAL", "EXITED"}:
                state = "failed"
            rows.append(ServiceStatus(name, state, service.version, source, self._url(name), memory, uptime))
        return rows

    def diagnoses(self) -> list[Diagnosis]:
        """Return data of another version."""
        return volume_versions.conflicts(self.settings, self.name, self.services, self._volumes())

    def logs(self, names: Sequence[str], lines: int, follow: bool) -> None:
        """Print the standard output of services."""
        self._require_known(names)
        output.show(self.supervisor, names or list(self.services), lines, follow)

    def _missing(self) -> dict[str, str]:
        state = read_state(self.settings.home)
        return state.missing if state else {}

    def _volumes(self) -> dict[str, str]:
        # An emptied folder has no history; two filled ones cannot be distinguished.
        folders = {name: self.settings.volume(name) for name in volume_versions.data_volumes(self.services)}
        return {name: "folder" for name, folder in folders.items() if folder.is_dir() and any(folder.iterdir())}

    def _program(self, service: Service) -> Found | Missing:
        if service.program == "python":
            return Found(Path(sys.executable), service.version, "checkout")
        return find(service.program, self.settings.values)

    def _process(self, name: str, found: Found, absent: Collection[str]) -> Process:
        service = self.services[name]
        derivation = self.derivation(name)
        environment = derivation.environment()
        if service.program == "python":
            environment["PYTHONPATH"] = str(self.settings.root)
        command = [str(found.path), *derivation.arguments(found.path, absent)]
        return Process(name, command, environment, self.settings.root, service.stop_seconds)

    def derivation(self, name: str) -> Derivation:
        """Return the native form of a service's configuration."""
        return Derivation(self.services[name], self.services, self.settings.native)

    def _url(self, name: str) -> str | None:
        return None if name == "collector" else self.settings.url(name)

    def _ready_text(self, name: str) -> str:
        return f"ready at {self._url(name)}" if self._url(name) else "ready"

    def _is_ready(self, name: str) -> bool:
        return answers(self.derivation(name).ready_url())

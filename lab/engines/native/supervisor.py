"""Starts and stops the native processes through supervisord (PyPI `supervisor`), over a Unix socket."""

import configparser
import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from lab.errors import LabError

# In the environment of every process of a lab, so that orphans are found after supervisord was killed.
MARK = "LAB_RUN_FOLDER"


@dataclass(frozen=True)
class Process:
    """A process for supervisord: `command` in `folder` with `environment`; SIGKILL after `stop_seconds` of grace."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    stop_seconds: float


@dataclass(frozen=True)
class Info:
    """State of a process as supervisord reports it: STOPPED, STARTING, RUNNING, BACKOFF, EXITED, FATAL."""

    name: str
    state: str
    pid: int
    seconds: float


class Supervisor:
    """The supervisord of one run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # In the temporary folder: a Unix socket's path may have 107 bytes, a checkout's path more.
        short = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
        self.socket = Path(tempfile.gettempdir()) / f"lab-{os.getuid()}-{short}.sock"

    @property
    def config(self) -> Path:
        """supervisord's own configuration file."""
        return self.folder / "supervisord.conf"

    def output(self, name: str) -> Path:
        """Return the file with standard output and error of a process."""
        return self.folder / "output" / f"{name}.out"

    def write(self, processes: Sequence[Process]) -> None:
        """Write the configuration file for `processes`; none of them is started."""
        (self.folder / "output").mkdir(parents=True, exist_ok=True)
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": str(self.socket), "chmod": "0600"}
        config["supervisord"] = {
            "logfile": str(self.folder / "supervisord.log"),
            "pidfile": str(self.folder / "supervisord.pid"),
            "minfds": "4096",
        }
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for process in processes:
            config[f"program:{process.name}"] = {
                # By `env`, because a value in supervisord's own `environment` cannot contain a quote.
                "command": _command(
                    ["/usr/bin/env", *(f"{k}={v}" for k, v in process.environment.items()), *process.command]
                ),
                "directory": _escape(str(process.folder)),
                "autostart": "false",
                "autorestart": "true",
                "startsecs": "1",
                "startretries": "3",
                "stopwaitsecs": str(int(process.stop_seconds)),
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": _escape(str(self.output(process.name))),
                "stdout_logfile_maxbytes": "5MB",
                "stdout_logfile_backups": "1",
            }
        # It contains the key of a model provider.
        self.config.touch(mode=0o600)
        self.config.chmod(0o600)
        with self.config.open("w", encoding="utf-8") as file:
            config.write(file)

    def running(self) -> bool:
        """Return whether this folder's supervisord answers."""
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start_daemon(self) -> None:
        """Start supervisord in the background, with a clean environment and its working folder in the run folder.

        Raises:
            LabError: it does not answer within 10 s.
        """
        self.socket.unlink(missing_ok=True)
        keep = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if key in os.environ}
        command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(self.config)]
        started = subprocess.run(
            command, cwd=self.folder, env={**keep, MARK: str(self.folder)}, capture_output=True, text=True, check=False
        )
        deadline = time.monotonic() + 10
        while not self.running():
            if started.returncode or time.monotonic() > deadline:
                raise LabError(
                    f"supervisord did not start: {started.stderr.strip() or started.stdout.strip()}",
                    f"Look into {self.folder / 'supervisord.log'}.",
                )
            time.sleep(0.05)

    def reload(self) -> list[str]:
        """Apply the configuration file; return the added and changed programs, which are stopped now."""
        added, changed, removed = self._call("reloadConfig")[0]
        for name in (*changed, *removed):
            self.stop([name])
            self._call("removeProcessGroup", name)
        for name in (*added, *changed):
            self._call("addProcessGroup", name)
        return [*added, *changed]

    def processes(self) -> dict[str, Info]:
        """Return the processes by name; none if no supervisord runs."""
        try:
            rows = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {row["name"]: Info(row["name"], row["statename"], row["pid"], row["now"] - row["start"]) for row in rows}

    def start(self, name: str) -> None:
        """Start one process unless it runs; do not wait for it.

        Raises:
            LabError: supervisord cannot start it.
        """
        # supervisord ignores a start while the process is stopping.
        while any(info.state == "STOPPING" for info in self._some([name])):
            time.sleep(0.05)
        try:
            self._call_unless("ALREADY_STARTED", "startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            raise LabError(f"{name} does not start: {fault.faultString}", f"Look into {self.output(name)}.") from fault

    def stop(self, names: Sequence[str]) -> None:
        """Stop processes in parallel and wait until all are gone."""
        running = {info.name: info.pid for info in self._some(names)}
        for name in names:
            self._call_unless("NOT_RUNNING|BAD_NAME", "stopProcess", name, False)
        # One with another process id was started meanwhile, by another command.
        while any(
            info.state in {"STOPPING", "RUNNING", "STARTING"} and info.pid == running.get(info.name)
            for info in self._some(names)
        ):
            time.sleep(0.05)

    def signal(self, names: Sequence[str], signal: str) -> None:
        """Send a signal such as `HUP` to those of the processes that run."""
        for name in names:
            self._call_unless("NOT_RUNNING", "signalProcess", name, signal)

    def shutdown(self) -> None:
        """Stop supervisord and its processes, also those of a killed supervisord."""
        if self.running():
            pid = int(self._call("getPID"))
            self._call("shutdown")
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(pid).wait(timeout=60)
        self.kill_orphans()
        self.socket.unlink(missing_ok=True)

    def kill_orphans(self) -> None:
        """Kill the processes of this lab, with any parent, and wait until they are gone."""
        orphans = self.orphans()
        for process in orphans:
            process.kill()
        psutil.wait_procs(orphans, timeout=5)

    def orphans(self) -> list[psutil.Process]:
        """Return the processes of this lab, with any parent."""
        # `environ` is None where it must not be read.
        return [
            process
            for process in psutil.process_iter(["environ"])
            if (process.info["environ"] or {}).get(MARK) == str(self.folder) and process.pid != os.getpid()
        ]

    def tail(self, name: str, lines: int = 5) -> list[str]:
        """Return the last lines of output of a process."""
        try:
            return self.output(name).read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def _some(self, names: Sequence[str]) -> list[Info]:
        return [info for name, info in self.processes().items() if name in names]

    def _call_unless(self, accepted: str, method: str, *arguments: Any) -> None:
        """Call a method; a fault that the pattern `accepted` matches is no error."""
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if not re.search(accepted, fault.faultString):
                raise

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()


def _command(words: Sequence[str]) -> str:
    # A blank before one of these begins a comment anywhere; here blanks are only between single quotes.
    return re.sub(r"( )([;#])", r"\1'\\\2'", _escape(shlex.join(words)))


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def memory_of(pid: int) -> int | None:
    """Return the resident bytes of a process and its children; None if it is gone."""
    try:
        process = psutil.Process(pid)
        return int(sum(each.memory_info().rss for each in (process, *process.children(recursive=True))))
    except psutil.Error:
        return None

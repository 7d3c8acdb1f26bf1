"""After a reload: wait until each server says that it works with the files of now."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from lab.errors import LabError
from lab.query import Lab, QueryError, wait_for
from lab.query.http import Server
from lab.query.times import parse_time

TAKEN_SECONDS = 20.0
RULER_SYNCS = "loki_ruler_sync_rules_total{"
ALERTMANAGER_RELOADED = "alertmanager_config_last_reload_success_timestamp_seconds "


@dataclass
class Taken:
    """What came of a reload: a sentence a server, and files that wait for a restart (service, file)."""

    said: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)


def wait_until_taken(
    lab: Lab,
    root: Path,
    reload: Callable[[], list[tuple[str, str]]],
    *,
    missing: Collection[str] = (),
    seconds: float = TAKEN_SECONDS,
) -> Taken:
    """Reload, and wait.

    Args:
        lab: the servers.
        root: the checkout.
        reload: hands the files to the servers; returns those that only a restart applies.
        missing: servers that do not run here.
        seconds: how long each server has.

    Raises:
        LabError: a server has refused the files, or says nothing.
    """
    begun = time.time()
    taken = Taken(waiting=reload())
    synced = _number(lab.loki, RULER_SYNCS) if "loki" not in missing else 0
    checks: dict[str, Callable[[], bool]] = {
        "prometheus": lambda: _prometheus(lab, begun),
        "alertmanager": lambda: _number(lab.alertmanager, ALERTMANAGER_RELOADED) >= begun,
        "loki": lambda: _number(lab.loki, RULER_SYNCS) > synced and _has(lab, root / "loki" / "rules" / "fake"),
    }
    for name, check in checks.items():
        if name in missing:
            continue
        if not wait_for(partial(_careful, check), seconds):
            raise LabError(
                f"{name} has not taken the files within {seconds:g} s; it works with what it had.",
                f"`lab logs {name}` says why.",
            )
        taken.said.append(f"{name} works with the files of now")
    return taken


def _prometheus(lab: Lab, begun: float) -> bool:
    about = lab.prometheus.json("GET", "/api/v1/status/runtimeinfo")["data"]
    # It tells whole seconds.
    return bool(about["reloadConfigSuccess"]) and (parse_time(about["lastConfigTime"]) or 0) >= int(begun)


def _has(lab: Lab, folder: Path) -> bool:
    """Whether the ruler has the alerts of the files, by name; it has looked at the files by then."""
    groups = [group for file in folder.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    return all(lab.loki.rules(name) for name in names)


def _number(server: Server, metric: str) -> float:
    """The sum of a metric's samples as the server shows them now; Prometheus would know them a scrape later."""
    lines = server.request("GET", "/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(metric))


def _careful(check: Callable[[], bool]) -> bool | None:
    try:
        return check() or None
    except QueryError:
        return None

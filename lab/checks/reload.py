"""Reloads the servers and waits until each one runs the current configuration."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from lab.errors import LabError
from lab.query import Lab, QueryError, wait_for
from lab.query.http import Server
from lab.query.times import parse_time

RELOAD_SECONDS = 20.0
RULER_SYNCS = "loki_ruler_sync_rules_total"
ALERTMANAGER_RELOADED = "alertmanager_config_last_reload_success_timestamp_seconds"


@dataclass
class ReloadResult:
    """Servers that were reloaded, and files that need a restart as (service, file)."""

    reloaded: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str]] = field(default_factory=list)


def wait_for_reload(
    lab: Lab,
    root: Path,
    reload: Callable[[], list[tuple[str, str]]],
    *,
    missing: Collection[str] = (),
    seconds: float = RELOAD_SECONDS,
) -> ReloadResult:
    """Reload the servers and wait until each runs the current configuration.

    Args:
        lab: clients of the servers.
        root: the checkout.
        reload: reloads the servers; returns the files that need a restart.
        missing: servers that do not run here.
        seconds: time limit per server.

    Raises:
        LabError: a server rejected the configuration or did not answer.
    """
    begun = time.time()
    result = ReloadResult(waiting=reload())
    synced = _number(lab.loki, RULER_SYNCS) if "loki" not in missing else 0
    checks: dict[str, Callable[[], bool]] = {
        "prometheus": lambda: _prometheus(lab, begun),
        "alertmanager": lambda: _number(lab.alertmanager, ALERTMANAGER_RELOADED) >= begun,
        "loki": lambda: _number(lab.loki, RULER_SYNCS) > synced and _has(lab, root / "loki" / "rules" / "fake"),
    }
    for name, check in checks.items():
        if name in missing:
            continue
        if not wait_for(partial(_check_quietly, check), seconds):
            raise LabError(
                f"{name} did not reload within {seconds:g} s and kept the previous configuration.",
                f"`lab logs {name}` shows why.",
            )
        result.reloaded.append(name)
    return result


def _prometheus(lab: Lab, begun: float) -> bool:
    about = lab.prometheus.json("GET", "/api/v1/status/runtimeinfo")["data"]
    # Prometheus reports whole seconds.
    return bool(about["reloadConfigSuccess"]) and (parse_time(about["lastConfigTime"]) or 0) >= int(begun)


def _has(lab: Lab, folder: Path) -> bool:
    """Return whether the ruler has each alert of the files, after its sync."""
    groups = [group for file in folder.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    names = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    return all(lab.loki.rules(name) for name in names)


def _number(server: Server, name: str) -> float:
    """Return the sum of a metric's samples from /metrics; Prometheus would have them one scrape later."""
    families = text_string_to_metric_families(server.request("GET", "/metrics").text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def _check_quietly(check: Callable[[], bool]) -> bool | None:
    try:
        return check() or None
    except QueryError:
        return None

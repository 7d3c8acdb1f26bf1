"""Alertmanager and the pager as real processes, and what tests send to them and read from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.support.alerting.rules import alerts
from tests.support.labs.programs import program
from tests.support.servers.ports import free_ports
from tests.support.servers.processes import Server, alertmanager, pager

RULES = {alert.name: alert for alert in alerts()}
CLOSED = 9  # a port on which no one listens


def labelled(name: str, service: str, **more: str) -> dict[str, str]:
    """The labels of an alert as its rule gives them."""
    fixed = {key: value for key, value in RULES[name].labels.items() if "{{" not in value} if name in RULES else {}
    return {"alertname": name, **fixed, "service": service, **more}


def post(
    alertmanager_url: str,
    labels: Sequence[dict[str, str]],
    annotations: Mapping[str, str] | None = None,
    ended: bool = False,
) -> None:
    """Send alerts to Alertmanager, as Prometheus does."""
    moment = {"endsAt" if ended else "startsAt": datetime.now(UTC).isoformat()}
    link = "http://127.0.0.1:9090/graph"
    body = [{"labels": one, "annotations": annotations or {}, "generatorURL": link, **moment} for one in labels]
    httpx.post(f"{alertmanager_url}/api/v2/alerts", json=body).raise_for_status()


def sample(server: Server | str, start: str, **labels: str) -> float:
    """Sum of a metric's samples with these labels, 0 where there are none."""
    url = server if isinstance(server, str) else server.url
    lines = httpx.get(f"{url}/metrics").raise_for_status().text.splitlines()
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith((start + "{", start + " ")) and all(one in line for one in wanted)
    )


@dataclass
class Chain:
    """The two servers."""

    alertmanager: Server
    pager: Server

    @classmethod
    def on_free_ports(
        cls, folder: Path, webhook: bool = True, mail: bool = True, environment: Mapping[str, str] | None = None
    ) -> "Chain":
        """Return two servers that are not started; a channel that is not wanted has a closed port."""
        pager_port, mail_port, alertmanager_port = free_ports(3)
        executable = program("alertmanager")
        reached = (pager_port if webhook else CLOSED, folder, mail_port if mail else CLOSED)
        return cls(
            alertmanager(executable, alertmanager_port, *reached),
            pager(pager_port, folder, SMTP_LISTEN=f"127.0.0.1:{mail_port}", **(environment or {})),
        )

    def start(self) -> None:
        """Start both."""
        self.pager.start()
        self.alertmanager.start()

    def stop(self) -> None:
        """Stop both."""
        self.alertmanager.stop()
        self.pager.stop()

    def post(self, name: str, service: str, ended: bool = False, **annotations: str) -> None:
        """Send Alertmanager an alert with the labels of its rule."""
        given = {"summary": f"{service} suffers", "runbook_url": f"{self.pager.url}/runbooks/{name}", **annotations}
        post(self.alertmanager.url, [labelled(name, service)], given, ended)

    def incidents(self, name: str, service: str) -> list[dict[str, Any]]:
        """The pager's incidents of an alert and a service, the newest first."""
        listed = httpx.get(f"{self.pager.url}/incidents").raise_for_status().json()["incidents"]
        return [one for one in listed if (one["alert"], one["service"]) == (name, service)]

    def events(self, name: str, service: str) -> list[str]:
        """Return the events in the timeline of the only such incident; none before there is one."""
        found = self.incidents(name, service)
        assert len(found) <= 1, f"{len(found)} incidents of {name}"
        return [line["event"] for line in found[0]["timeline"]] if found else []

    def received(self, channel: str, *results: str) -> float:
        """Notifications that the pager counted since its start."""
        counts = {
            result: sample(self.pager, "pager_notifications_total", channel=channel, result=result)
            for result in results or ("accepted", "repeated")
        }
        return sum(counts.values())

"""A pager inside the test's own process, and notifications to send to it."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.sdk.trace import TracerProvider
from werkzeug.test import TestResponse

from services.pager.app import Parts, create_app
from services.pager.settings import PagerSettings
from services.telemetry import Telemetry, TelemetrySettings

NEVER = "0001-01-01T00:00:00Z"
# One person a level, always: what a test says does not depend on the time of day.
ROTATION = """
people: {ada: Ada, ben: Ben, cleo: Cleo}
levels:
  - {name: first, shifts: [{person: ada, from: mon 00:00, to: mon 00:00}]}
  - {name: second, shifts: [{person: ben, from: mon 00:00, to: mon 00:00}]}
  - {name: third, shifts: [{person: cleo, from: mon 00:00, to: mon 00:00}]}
"""

# As Alertmanager 0.31.1 sends it.
_NOTIFICATION: dict[str, Any] = {
    "receiver": "application",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "ErrorRateCritical",
                "job": "assistant",
                "role": "symptom",
                "service": "assistant",
                "severity": "page",
            },
            "annotations": {
                "summary": "50% of the requests to assistant failed in the last minute (threshold 10%)",
                "description": "More than one in ten finished requests ended in an error.",
                "runbook_url": "http://127.0.0.1:5003/runbooks/ErrorRateCritical",
                "dashboard_url": "http://127.0.0.1:3000/d/service",
                "logs_url": "http://127.0.0.1:3000/explore?orgId=1",
            },
            "startsAt": "2026-11-22T14:00:00.123456789Z",
            "endsAt": NEVER,
            "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up",
            "fingerprint": "9c1cf9a8b6a1ad8e",
        }
    ],
    "groupLabels": {"alertname": "ErrorRateCritical", "service": "assistant"},
    "commonLabels": {"alertname": "ErrorRateCritical", "service": "assistant", "severity": "page"},
    "commonAnnotations": {},
    "externalURL": "http://127.0.0.1:9093",
    "version": "4",
    "groupKey": '{}/{severity="page"}:{alertname="ErrorRateCritical", service="assistant"}',
    "truncatedAlerts": 0,
}

Change = Callable[[dict[str, Any]], object]


def notification(change: Change | None = None, resolved_at: str | None = None) -> dict[str, Any]:
    """The body of a webhook: firing, or resolved at a time; `change` edits it in place."""
    body = copy.deepcopy(_NOTIFICATION)
    if resolved_at:
        body["status"] = body["alerts"][0]["status"] = "resolved"
        body["alerts"][0]["endsAt"] = resolved_at
    if change:
        change(body)
    return body


class Pager:
    """A pager and what a test asks of it. Its clock is still: `tick` moves it."""

    def __init__(self, folder: Path, runbooks: Path, **settings: Any) -> None:
        self.logs = folder / "logs"
        self.rotation = folder / "rotation.yml"
        if not self.rotation.exists():
            self.rotation.write_text(ROTATION)
        given = {
            "database_url": f"sqlite:///{folder / 'pager.db'}",
            "rotation_file": self.rotation,
            # No one listens there: not on the lab that may run on this machine.
            "alertmanager_url": "http://127.0.0.1:9",
            "assistant_url": "http://127.0.0.1:9",
            **settings,
        }
        self._settings = PagerSettings(runbooks_dir=runbooks, grafana_url="http://127.0.0.1:3000", **given)
        self.app: Flask
        self.client: FlaskClient
        self.start()

    @property
    def parts(self) -> Parts:
        """What it is made of."""
        return cast("Parts", self.app.extensions["pager"])

    def start(self, **settings: Any) -> None:
        """A new app over the same database, as after a restart; with other settings, where some are given."""
        self._settings = self._settings.model_copy(update=settings)
        telemetry = Telemetry.from_settings(
            TelemetrySettings(otel_service_name="pager", log_dir=self.logs, log_stdout=False), TracerProvider()
        )
        self.app = create_app(self._settings, telemetry)
        self.client = self.app.test_client()

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send a notification that must be accepted."""
        answer = self.client.post("/webhook/alertmanager", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json or {})

    def act(self, action: str, number: int = 1, **body: Any) -> TestResponse:
        """Do something with an incident: `acknowledge`, `silence` ..."""
        return self.client.post(f"/incidents/{number}/{action}", json=body)

    def tick(self, seconds: float = 0) -> None:
        """Run the scheduler once, so many seconds from now."""
        self.parts.scheduler.tick(datetime.now(UTC) + timedelta(seconds=seconds))

    def incident(self, number: int = 1) -> dict[str, Any]:
        """One incident."""
        answer = self.client.get(f"/incidents/{number}", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json or {})

    def events(self, number: int = 1) -> list[str]:
        """The kinds of the lines of an incident's timeline."""
        return [line["event"] for line in self.incident(number)["timeline"]]

    def incidents(self) -> list[dict[str, Any]]:
        """The listed incidents."""
        return list((self.client.get("/incidents").json or {})["incidents"])

    def metric(self, sample: str) -> float:
        """Value of one sample, written as in the text format."""
        lines = self.client.get("/metrics").text.splitlines()
        return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(sample + " "))

    def lines(self) -> list[dict[str, Any]]:
        """The log lines written so far."""
        return [json.loads(line) for line in (self.logs / "pager.log").read_text().splitlines()]

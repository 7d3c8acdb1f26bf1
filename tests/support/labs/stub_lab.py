"""A stand-in for a whole lab: its alert becomes pending, fires, pages and resolves in fractions of a second."""

import json
import time
from pathlib import Path
from typing import Any

from lab import envfile
from lab.settings import ROOT, LabSettings, State
from tests.support.servers.stub_server import StubServer

ALERT = "ErrorRateCritical"
# Seconds after the fault. Far enough apart that a busy machine does not mix them up.
PENDING, FIRING, PAGED = 0.5, 0.7, 0.9


def iso(at: float) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1e6):06}Z"


class StubLab:
    """One HTTP server that is model, assistant, Prometheus, Alertmanager and pager at once.

    `pages` says whether the alert comes at all; the fault is off when it was deleted or its time is over.
    """

    def __init__(self, server: StubServer, home: Path) -> None:
        self.server = server
        self.pages = True
        self.other_page = False
        # Seconds from the fault's end to the alert's.
        self.resolves_after = 0.4
        self.fault: dict[str, Any] | None = None
        self.on_at = self.off_at = 0.0
        self.deleted = 0
        self.settings = self._settings(home)
        react, answer = server.react, server.answer
        for path in ("/ready", "/-/ready"):
            answer("GET", path, b"ok")
        react("GET", "/admin/faults", lambda _: (200, {"available": [], "active": self._active()}))
        react("POST", "/admin/faults", self._switch_on)
        react("DELETE", "/admin/faults/errors", self._switch_off)
        react("GET", "/metrics", self._metrics)
        react("GET", "/api/v1/alerts", lambda _: (200, {"data": {"alerts": self._alerts()}}))
        react("GET", "/api/v1/query", self._query)
        react("GET", "/api/v1/rules", self._rules)
        answer("GET", "/prometheus/api/v1/alerts", {"data": {"alerts": []}})
        answer("GET", "/api/v2/alerts", [])
        react("GET", "/incidents", lambda _: (200, {"incidents": self._incidents()}))
        original = (
            "route: {receiver: x, group_wait: 20s, routes: [{matchers: ['severity=\"page\"'], group_wait: 100ms}]}"
        )
        answer("GET", "/api/v2/status", {"config": {"original": original}})

    def _settings(self, home: Path) -> LabSettings:
        port = self.server.url.rsplit(":", 1)[1]
        names = ("ASSISTANT", "MODEL", "PAGER", "PROMETHEUS", "ALERTMANAGER", "LOKI", "TEMPO", "GRAFANA", "LOADTEST")
        values = (
            envfile.read(ROOT / ".env", {})
            | {f"{name}_PORT": port for name in names}
            | {"BASELINE_USERS": "4", "LOKI_VERSION": "3.7.8"}
        )
        settings = LabSettings(ROOT, home, values)
        State("native", time.time(), values, {}).write(settings)
        secret = settings.volume("secrets") / "admin_token"
        secret.parent.mkdir(parents=True)
        secret.write_text("secret\n")
        return settings

    def since_on(self) -> float:
        return time.time() - self.on_at if self.on_at else -1.0

    def is_on(self) -> bool:
        return self.fault is not None and not self.off_at and self.since_on() < self.fault["duration_seconds"]

    def _switch_on(self, request: dict[str, Any]) -> tuple[int, Any]:
        self.fault = json.loads(request["body"])
        self.on_at, self.off_at = time.time(), 0.0
        return 201, self._active()[0]

    def _switch_off(self, _: dict[str, Any]) -> tuple[int, Any]:
        self.deleted += 1
        self.off_at = self.off_at or time.time()
        return 204, {}

    def _active(self) -> list[dict[str, Any]]:
        if not self.is_on() or self.fault is None:
            return []
        ends = iso(self.on_at + self.fault["duration_seconds"])
        return [{"fault": "errors", "target": "*", "intensity": 1.0, "started_at": iso(self.on_at), "ends_at": ends}]

    def _metrics(self, _: dict[str, Any]) -> tuple[int, Any]:
        failed = 7 if self.since_on() > 0.05 else 2
        lines = [
            'ai_requests_total{business_id="b",outcome="ok",route="/chat"} 100.0',
            f'ai_requests_total{{business_id="b",outcome="fallback",route="/chat"}} {failed}.0',
        ]
        return 200, "\n".join(lines).encode()

    def _alerts(self) -> list[dict[str, Any]]:
        age = self.since_on()
        if not self.pages or age < PENDING or self._resolved_at():
            return []
        state = "firing" if age > FIRING else "pending"
        labels = {"alertname": ALERT, "severity": "page", "service": "assistant"}
        return [{"labels": labels, "annotations": {}, "state": state, "activeAt": iso(self.on_at + PENDING)}]

    def _resolved_at(self) -> float:
        end = self.off_at + self.resolves_after
        return end if self.off_at and time.time() > end else 0.0

    def _incidents(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [self._incident(1, "Old", self.on_at or time.time(), 1.0)]
        if self.pages and self.since_on() > PAGED:
            rows.append(self._incident(2, ALERT, self.on_at + FIRING, self._resolved_at(), notified=self.on_at + PAGED))
        if self.other_page and self.since_on() > PAGED:
            rows.append(self._incident(3, "Surprise", self.on_at + PAGED, 0.0))
        return rows

    @staticmethod
    def _incident(number: int, alert: str, opened: float, resolved: float, notified: float = 0.0) -> dict[str, Any]:
        # Incident 1 is older than the fault.
        at = 1_700_000_000.0 if number == 1 else opened
        return {
            "id": number,
            "alert": alert,
            "severity": "page",
            "service": "assistant",
            "status": "resolved" if resolved else "open",
            "opened_at": iso(at),
            "notified_at": iso(notified or at),
            "resolved_at": iso(resolved) if resolved else None,
            "timeline": [],
        }

    def _query(self, request: dict[str, Any]) -> tuple[int, Any]:
        query = request["params"]["query"]
        value = {"effect": float(self.since_on() > 0.2), "never": 0.0}.get(query, 2.0)
        labels = {"alertname": ALERT, "severity": "page"} if query.startswith("last_over_time") else {}
        row = {"metric": labels, "value": [time.time(), str(value)]}
        return 200, {"data": {"resultType": "vector", "result": [row]}}

    def _rules(self, _: dict[str, Any]) -> tuple[int, Any]:
        rule = {
            "name": ALERT,
            "type": "alerting",
            "query": "x",
            "duration": FIRING - PENDING,
            "labels": {"severity": "page"},
        }
        return 200, {"data": {"groups": [{"interval": 1, "rules": [rule]}]}}

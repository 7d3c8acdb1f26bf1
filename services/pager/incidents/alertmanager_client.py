"""The client of Alertmanager's API v2: silences, active and inhibited alerts."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from services.pager.model.notification import UNNAMED
from services.telemetry import Telemetry

SECONDS = 5.0
# A page waits no longer than this for the inhibited alerts.
PAGE_SECONDS = 1.0
_NOT_FOUND = 404


class AlertmanagerError(Exception):
    """The request failed; the text is for the responder."""


@dataclass(frozen=True)
class AlertSnapshot:
    """The active alerts, silenced and inhibited ones too, by alert and service.

    `started_at` is Alertmanager's start.
    """

    started_at: datetime
    alerts: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class InhibitedAlert:
    """An alert that fires, and whose notifications another alert inhibits."""

    alert: str
    service: str
    started_at: datetime


class Alertmanager:
    """A client. Every method raises AlertmanagerError when Alertmanager cannot be reached or refuses."""

    def __init__(self, url: str, telemetry: Telemetry) -> None:
        # The lab's servers are never behind a proxy.
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        telemetry.instrument_httpx(self._client)

    def silence(self, alert: str, service: str, *, until: datetime, by: str, comment: str, known: str | None) -> str:
        """Silence an alert of a service; return the silence's id.

        Args:
            until: the end, aware.
            by: the responder, as its author.
            comment: the reason.
            known: the id of the silence to change; None creates one.
        """
        body: dict[str, Any] = {
            "matchers": [_equals("alertname", alert), _equals("service", service)],
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        if known is not None and self.has_silence(known):
            body["id"] = known
        answer = self._request("POST", "/api/v2/silences", json=body)
        with _form_errors():
            return str(answer.json()["silenceID"])

    def has_silence(self, silence_id: str) -> bool:
        """Return whether a silence exists and has not expired."""
        answer = self._request("GET", f"/api/v2/silence/{silence_id}", allowed=_NOT_FOUND)
        if answer.status_code == _NOT_FOUND:
            return False
        with _form_errors():
            return bool(answer.json()["status"]["state"] != "expired")

    def expire(self, silence_id: str) -> None:
        """Expire a silence; nothing for an expired or unknown one."""
        if self.has_silence(silence_id):
            self._request("DELETE", f"/api/v2/silence/{silence_id}", allowed=_NOT_FOUND)

    def active_alerts(self) -> AlertSnapshot:
        """Return all active alerts."""
        status = self._request("GET", "/api/v2/status")
        alerts = self._request("GET", "/api/v2/alerts")
        with _form_errors():
            started_at = datetime.fromisoformat(status.json()["uptime"])
            return AlertSnapshot(started_at, frozenset(_identity(one["labels"]) for one in alerts.json()))

    def inhibited_alerts(self, by: Collection[str]) -> list[InhibitedAlert]:
        """Return the alerts that one of these inhibits: each alert and service once, the oldest first.

        Args:
            by: fingerprints of firing alerts.
        """
        only = {"active": "false", "silenced": "false", "unprocessed": "false", "inhibited": "true"}
        answer = self._request("GET", "/api/v2/alerts", params=only, timeout=PAGE_SECONDS)
        with _form_errors():
            inhibited = [
                InhibitedAlert(*_identity(one["labels"]), datetime.fromisoformat(one["startsAt"]))
                for one in answer.json()
                if not set(by).isdisjoint(one["status"]["inhibitedBy"])
            ]
        inhibited.sort(key=lambda one: one.started_at)
        return list({(one.alert, one.service): one for one in reversed(inhibited)}.values())[::-1]

    def _request(self, method: str, path: str, allowed: int | None = None, **kwargs: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise AlertmanagerError(f"Alertmanager cannot be reached ({type(error).__name__}).") from error
        if answer.is_success or answer.status_code == allowed:
            return answer
        # A JSON string in version 2 of the API.
        raise AlertmanagerError(f"Alertmanager refused ({answer.status_code}): {answer.text.strip()[:200]}")


@contextmanager
def _form_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise AlertmanagerError("Alertmanager's response has an unexpected form.") from error


def _equals(name: str, value: str) -> dict[str, object]:
    # A missing label equals the empty text.
    return {"name": name, "value": "" if value == UNNAMED else value, "isRegex": False, "isEqual": True}


def _identity(labels: dict[str, str]) -> tuple[str, str]:
    return labels.get("alertname") or UNNAMED, labels.get("service") or UNNAMED

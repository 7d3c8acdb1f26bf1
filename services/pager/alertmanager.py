"""What the pager asks of Alertmanager (API v2): silences, and which alerts it knows."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from services.pager.notice import UNNAMED
from services.telemetry import Telemetry

SECONDS = 5.0
# A page waits no longer than this for what it can do without.
PAGE_SECONDS = 1.0
_NOT_FOUND = 404
Value = TypeVar("Value")


class AlertmanagerError(Exception):
    """It did not do what it was asked; the text says why, in words for people."""


@dataclass(frozen=True)
class Known:
    """The alerts that Alertmanager holds now, silenced and inhibited ones too, by alert and service."""

    started_at: datetime
    alerts: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class HeldBack:
    """An alert that fires and of which nobody is told, because another one says enough."""

    alert: str
    service: str
    started_at: datetime


class Alertmanager:
    """A client. Every method raises AlertmanagerError when Alertmanager is away or refuses."""

    def __init__(self, url: str, telemetry: Telemetry) -> None:
        # The lab's servers are never behind a proxy.
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        telemetry.instrument_httpx(self._client)

    def silence(self, alert: str, service: str, *, until: datetime, by: str, comment: str, known: str | None) -> str:
        """Silence an alert of a service; return the silence's id. `known` is the one that is changed."""
        body: dict[str, Any] = {
            "matchers": [_is("alertname", alert), _is("service", service)],
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        if known is not None and self.has_silence(known):
            body["id"] = known
        answer = self._ask("POST", "/api/v2/silences", json=body)
        return _read(answer, lambda found: str(found["silenceID"]))

    def has_silence(self, silence_id: str) -> bool:
        """Whether a silence is there and has not ended."""
        answer = self._ask("GET", f"/api/v2/silence/{silence_id}", allowed=_NOT_FOUND)
        if answer.status_code == _NOT_FOUND:
            return False
        return _read(answer, lambda found: bool(found["status"]["state"] != "expired"))

    def expire(self, silence_id: str) -> None:
        """End a silence; one that has ended or is unknown is as good as ended."""
        if self.has_silence(silence_id):
            self._ask("DELETE", f"/api/v2/silence/{silence_id}", allowed=_NOT_FOUND)

    def known(self) -> Known:
        """What it knows."""
        status = self._ask("GET", "/api/v2/status")
        started_at = _read(status, lambda found: datetime.fromisoformat(found["uptime"]))
        alerts = self._ask("GET", "/api/v2/alerts")
        return Known(started_at, _read(alerts, lambda found: frozenset(_identity(one["labels"]) for one in found)))

    def held_back(self, by: Collection[str]) -> list[HeldBack]:
        """The alerts that one of these (fingerprints) inhibits: each alert and service once, the oldest first."""
        only = {"active": "false", "silenced": "false", "unprocessed": "false", "inhibited": "true"}
        answer = self._ask("GET", "/api/v2/alerts", params=only, timeout=PAGE_SECONDS)

        def read(found: Any) -> list[HeldBack]:
            held = [
                HeldBack(*_identity(one["labels"]), datetime.fromisoformat(one["startsAt"]))
                for one in found
                if not set(by).isdisjoint(one["status"]["inhibitedBy"])
            ]
            held.sort(key=lambda one: one.started_at)
            return list({(one.alert, one.service): one for one in reversed(held)}.values())[::-1]

        return _read(answer, read)

    def _ask(self, method: str, path: str, allowed: int | None = None, **kwargs: Any) -> httpx.Response:
        try:
            answer = self._client.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise AlertmanagerError(f"Alertmanager cannot be reached ({type(error).__name__}).") from error
        if answer.is_success or answer.status_code == allowed:
            return answer
        # A JSON string in version 2 of the API.
        raise AlertmanagerError(f"Alertmanager refused ({answer.status_code}): {answer.text.strip()[:200]}")


def _read(answer: httpx.Response, read: Callable[[Any], Value]) -> Value:
    try:
        return read(answer.json())
    except (ValueError, KeyError, TypeError) as error:
        raise AlertmanagerError("Alertmanager's answer has another form than expected.") from error


def _is(name: str, value: str) -> dict[str, object]:
    # A label that is not there equals the empty text.
    return {"name": name, "value": "" if value == UNNAMED else value, "isRegex": False, "isEqual": True}


def _identity(labels: dict[str, str]) -> tuple[str, str]:
    return labels.get("alertname") or UNNAMED, labels.get("service") or UNNAMED

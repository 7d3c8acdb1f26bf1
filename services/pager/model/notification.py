"""Notifications: the body of Alertmanager's webhook (version 4), validated and shortened.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
Unknown fields are ignored, because a newer Alertmanager may add some. Long texts are cut, not refused.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_TEXT = 2_000  # characters of an annotation or a link
MAX_LABEL = 200  # characters of a label's name or value
MAX_LABELS = 40
SEVERITIES = ("page", "ticket", "none")  # from the most to the least urgent
UNNAMED = "unnamed"


class WebhookAlert(BaseModel):
    """One alert of a notification, as Alertmanager sends it."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None = None
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = Field(default="", max_length=64)


class Webhook(BaseModel):
    """The body of Alertmanager's webhook."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    version: Literal["4"]
    status: Literal["firing", "resolved"]
    group_key: str = Field(min_length=1)
    receiver: str = ""
    group_labels: dict[str, str] = {}
    truncated_alerts: int = Field(default=0, ge=0)
    alerts: list[WebhookAlert] = Field(min_length=1, max_length=500)


@dataclass(frozen=True)
class Alert:
    """One alert of a group, with the times at which it started and ended (UTC; None while it fires)."""

    fingerprint: str
    labels: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Notification:
    """One notification of one group of alerts. Times are UTC and never later than `received_at`."""

    key: str
    receiver: str
    firing: bool
    alert: str
    severity: str
    service: str
    summary: str
    alerts: tuple[Alert, ...]
    received_at: datetime
    description: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    truncated: int = 0
    # webhook, mail, or pager (opened by the pager itself).
    channel: str = "webhook"
    # When Prometheus evaluated the alert; only the Watchdog carries it.
    evaluated_at: datetime | None = None

    @property
    def is_heartbeat(self) -> bool:
        """Return whether this is the alert that always fires: it opens no incident."""
        return self.severity == "none"


def parse_notification(body: Mapping[str, object], received_at: datetime) -> Notification:
    """Parse the body of a webhook.

    Raises:
        pydantic.ValidationError: the body is not version 4 of the webhook.
    """
    hook = Webhook.model_validate(body)
    # Alertmanager puts the firing ones first; the texts are taken from one that fires.
    lead = min(hook.alerts, key=lambda alert: alert.status != "firing")
    return Notification(
        key=_group_key(hook),
        receiver=cut(hook.receiver, MAX_LABEL),
        firing=hook.status == "firing",
        alert=_label(hook, "alertname") or UNNAMED,
        severity=min((_severity(alert.labels) for alert in hook.alerts), key=SEVERITIES.index),
        service=_label(hook, "service") or UNNAMED,
        summary=cut(lead.annotations.get("summary", "")),
        description=cut(lead.annotations.get("description", "")),
        links=_links(lead),
        alerts=tuple(_alert(alert, received_at) for alert in hook.alerts),
        truncated=hook.truncated_alerts,
        received_at=received_at,
        evaluated_at=_evaluated_at(lead.annotations.get("evaluated_at", "")),
    )


def identity(alert: str, service: str) -> str:
    """Return the key of an incident: the same for an alert and service on any route, receiver or channel."""
    return _digest({"alertname": alert, "service": service})


def _group_key(hook: Webhook) -> str:
    alert, service = _label(hook, "alertname"), _label(hook, "service")
    if not alert and not service:
        # Alerts without a name differ by their group.
        return _digest(hook.group_labels or hook.group_key)
    return identity(alert or UNNAMED, service or UNNAMED)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _evaluated_at(text: str) -> datetime | None:
    """Parse Unix seconds, the form of the Watchdog's annotation."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _label(hook: Webhook, name: str) -> str:
    value = hook.group_labels.get(name) or hook.alerts[0].labels.get(name, "")
    return cut(value, MAX_LABEL)


def _severity(labels: Mapping[str, str]) -> str:
    """Return the severity of an alert; without a known one it is a ticket."""
    value = labels.get("severity", "")
    return value if value in SEVERITIES else "ticket"


def _links(alert: WebhookAlert) -> dict[str, str]:
    """Return the links of an alert by target. Only web addresses: the page turns them into anchors."""
    links = {name: alert.annotations.get(f"{name}_url", "") for name in ("runbook", "dashboard", "logs")}
    links["prometheus"] = alert.generator_url
    return {
        name: link for name, link in links.items() if link.startswith(("http://", "https://")) and len(link) <= MAX_TEXT
    }


def _alert(alert: WebhookAlert, received_at: datetime) -> Alert:
    labels = {cut(name, MAX_LABEL): cut(value, MAX_LABEL) for name, value in sorted(alert.labels.items())[:MAX_LABELS]}
    started_at = _time(alert.starts_at, received_at) or received_at
    ended_at = None
    if alert.status == "resolved":
        ended_at = max(started_at, _time(alert.ends_at, received_at) or received_at)
    fingerprint = alert.fingerprint or hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:16]
    return Alert(fingerprint, labels, started_at, ended_at)


def _time(value: datetime | None, received_at: datetime) -> datetime | None:
    """Return the time in UTC, at most `received_at`; None for the zero time of Go."""
    if value is None or value.year < 2000:
        return None
    try:
        return min(value.astimezone(UTC), received_at)
    except OverflowError:
        return None


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return the text in at most `limit` characters; an ellipsis replaces the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"

"""Alertmanager's webhook (version 4), read into what the pager needs to know.

Unknown fields are let pass, because a newer Alertmanager may add some. Texts are cut and not refused: an alert with a
novel in its annotations is still an alert.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
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
    """One alert of a notice, as Alertmanager writes it."""

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
class Instance:
    """One alert of a group: which labels it has, since when it fires, and since when it does not any more (UTC)."""

    fingerprint: str
    labels: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Notice:
    """What one notice says about one group of alerts. Times are UTC and never later than `received_at`."""

    key: str
    receiver: str
    firing: bool
    alert: str
    severity: str
    service: str
    summary: str
    description: str
    links: Mapping[str, str]
    instances: tuple[Instance, ...]
    truncated: int
    received_at: datetime
    # How it came: webhook, mail, or pager (it found out by itself).
    channel: str = "webhook"
    # When Prometheus evaluated it, where the alert says so (the Watchdog does).
    evaluated_at: datetime | None = None

    @property
    def is_heartbeat(self) -> bool:
        """Whether this is the alert that always fires, and so no incident."""
        return self.severity == "none"


def read_notice(body: Mapping[str, object], received_at: datetime) -> Notice:
    """Read the body of a webhook. Raises pydantic.ValidationError when it is not one."""
    hook = Webhook.model_validate(body)
    # Alertmanager puts the firing ones first; the texts are taken from one that fires.
    lead = min(hook.alerts, key=lambda alert: alert.status != "firing")
    return Notice(
        key=_group_key(hook),
        receiver=_cut(hook.receiver, MAX_LABEL),
        firing=hook.status == "firing",
        alert=_label(hook, "alertname") or UNNAMED,
        severity=min((_severity(alert.labels) for alert in hook.alerts), key=SEVERITIES.index),
        service=_label(hook, "service") or UNNAMED,
        summary=_cut(lead.annotations.get("summary", "")),
        description=_cut(lead.annotations.get("description", "")),
        links=_links(lead),
        instances=tuple(_instance(alert, received_at) for alert in hook.alerts),
        truncated=hook.truncated_alerts,
        received_at=received_at,
        evaluated_at=_evaluated_at(lead.annotations.get("evaluated_at", "")),
    )


def identity(alert: str, service: str) -> str:
    """What makes two notices speak of one incident: alert and service, whatever route, receiver or channel."""
    return _digest({"alertname": alert, "service": service})


def _group_key(hook: Webhook) -> str:
    alert, service = _label(hook, "alertname"), _label(hook, "service")
    if not alert and not service:
        # Nameless alerts of different groups are no less different.
        return _digest(hook.group_labels or hook.group_key)
    return identity(alert or UNNAMED, service or UNNAMED)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _evaluated_at(text: str) -> datetime | None:
    """Unix seconds, as the Watchdog's annotation carries them."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _label(hook: Webhook, name: str) -> str:
    value = hook.group_labels.get(name) or hook.alerts[0].labels.get(name, "")
    return _cut(value, MAX_LABEL)


def _severity(labels: Mapping[str, str]) -> str:
    """Severity of an alert; one that nobody has named is a ticket, so that it is seen."""
    value = labels.get("severity", "")
    return value if value in SEVERITIES else "ticket"


def _links(alert: WebhookAlert) -> dict[str, str]:
    """Links of an alert by what they lead to. Only web addresses: the page turns them into anchors."""
    found = {
        "runbook": alert.annotations.get("runbook_url", ""),
        "dashboard": alert.annotations.get("dashboard_url", ""),
        "logs": alert.annotations.get("logs_url", ""),
        "prometheus": alert.generator_url,
    }
    return {
        name: link for name, link in found.items() if link.startswith(("http://", "https://")) and len(link) <= MAX_TEXT
    }


def _instance(alert: WebhookAlert, received_at: datetime) -> Instance:
    labels = {
        _cut(name, MAX_LABEL): _cut(value, MAX_LABEL) for name, value in sorted(alert.labels.items())[:MAX_LABELS]
    }
    started_at = _time(alert.starts_at, received_at) or received_at
    ended_at = None
    if alert.status == "resolved":
        ended_at = max(started_at, _time(alert.ends_at, received_at) or received_at)
    fingerprint = alert.fingerprint or hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:16]
    return Instance(fingerprint, labels, started_at, ended_at)


def _time(value: datetime | None, received_at: datetime) -> datetime | None:
    """UTC, not later than the receipt; None for the zero time that Go writes where there is none."""
    if value is None or value.year < 2000:
        return None
    try:
        return min(value.astimezone(UTC), received_at)
    except OverflowError:
        return None


def _cut(text: str, limit: int = MAX_TEXT) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

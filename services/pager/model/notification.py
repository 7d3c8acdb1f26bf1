"""Notifications: the body of a webhook, validated and shortened.

Two senders have the same form: Alertmanager, and Grafana's alerting with some fields more.
Sources: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
Unknown fields are ignored, because a newer sender may add some. Long texts are cut, impossible times replaced by the
time of arrival: a refused notification would be lost.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MAX_TEXT = 2_000  # characters of an annotation or a link
MAX_LABEL = 200  # characters of a label's name or value
MAX_LABELS = 40
SEVERITIES = ("page", "ticket", "none")  # from the most to the least urgent
UNNAMED = "unnamed"
# The webhooks' versions.
ALERTMANAGER, GRAFANA = "4", "1"
# Prometheus began in 2012: an earlier time is the zero of a clock, as of Go (year 1) or Unix (1970).
FIRST_YEAR = 2012
# How far the sender's clock may be ahead of the pager's.
CLOCK_SKEW = timedelta(seconds=5)
# Years that no datetime has.
_IMPOSSIBLE_YEAR = re.compile(r"(?:0000|[+-]\d+|\d{5,})-")


def _possible_time(value: object) -> object:
    return None if isinstance(value, str) and _IMPOSSIBLE_YEAR.match(value) else value


def _labels_or_none(value: object) -> object:
    """Return the value; an empty map of Go may be null."""
    return {} if value is None else value


_Time = Annotated[AwareDatetime | None, BeforeValidator(_possible_time)]
_Labels = Annotated[dict[str, str], BeforeValidator(_labels_or_none)]


class WebhookAlert(BaseModel):
    """One alert of a notification, as it is sent."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    status: Literal["firing", "resolved"]
    labels: _Labels
    annotations: _Labels = {}
    starts_at: _Time
    ends_at: _Time = None
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = Field(default="", max_length=64)
    # Only Grafana sends it.
    dashboard_url: str = Field(default="", alias="dashboardURL")


class Webhook(BaseModel):
    """The body of a webhook."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")

    version: str = Field(default="", validate_default=True)
    status: Literal["firing", "resolved"]
    group_key: str = Field(min_length=1)
    receiver: str = ""
    group_labels: _Labels = {}
    truncated_alerts: int = Field(default=0, ge=0)
    alerts: list[WebhookAlert] = Field(min_length=1, max_length=500)

    @field_validator("version")
    @classmethod
    def _check_version(cls, version: str) -> str:
        if version not in (ALERTMANAGER, GRAFANA):
            supported = f"Alertmanager's webhook (version {ALERTMANAGER}) and Grafana alerting's (version {GRAFANA})"
            raise PydanticCustomError("version", f"not supported; the pager receives {supported}")
        return version


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
    # webhook, grafana (its webhook), mail, or pager (opened by the pager itself).
    channel: str = "webhook"
    # Times of alerts that were impossible; `received_at` is in their place.
    replaced_times: int = 0
    # When Prometheus evaluated the alert; only the Watchdog carries it.
    evaluated_at: datetime | None = None

    @property
    def is_heartbeat(self) -> bool:
        """Return whether this is the alert that always fires: it opens no incident."""
        return self.severity == "none"


def parse_notification(body: Mapping[str, object], received_at: datetime) -> Notification:
    """Parse the body of a webhook.

    Raises:
        pydantic.ValidationError: the body is neither Alertmanager's nor Grafana's.
    """
    hook = Webhook.model_validate(body)
    times = [time for alert in hook.alerts for time in _times(alert)]
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
        links=_links(lead, hook.version),
        alerts=tuple(_alert(alert, received_at) for alert in hook.alerts),
        truncated=hook.truncated_alerts,
        received_at=received_at,
        channel="grafana" if hook.version == GRAFANA else "webhook",
        replaced_times=sum(not is_possible(time, received_at) for time in times),
        evaluated_at=_evaluated_at(lead.annotations.get("evaluated_at", ""), received_at),
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


def _evaluated_at(text: str, received_at: datetime) -> datetime | None:
    """Parse Unix seconds, the form of the Watchdog's annotation; None for an impossible time."""
    try:
        moment = datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if is_possible(moment, received_at) else None


def _label(hook: Webhook, name: str) -> str:
    value = hook.group_labels.get(name) or hook.alerts[0].labels.get(name, "")
    return cut(value, MAX_LABEL)


def _severity(labels: Mapping[str, str]) -> str:
    """Return the severity of an alert; without a known one it is a ticket."""
    value = labels.get("severity", "")
    return value if value in SEVERITIES else "ticket"


def _links(alert: WebhookAlert, version: str) -> dict[str, str]:
    """Return the links of an alert by target. Only web addresses: the page turns them into anchors."""
    links = {name: alert.annotations.get(f"{name}_url", "") for name in ("runbook", "dashboard", "logs")}
    links["dashboard"] = links["dashboard"] or alert.dashboard_url
    links["grafana" if version == GRAFANA else "prometheus"] = alert.generator_url
    return {
        name: link for name, link in links.items() if link.startswith(("http://", "https://")) and len(link) <= MAX_TEXT
    }


def _alert(alert: WebhookAlert, received_at: datetime) -> Alert:
    labels = {cut(name, MAX_LABEL): cut(value, MAX_LABEL) for name, value in sorted(alert.labels.items())[:MAX_LABELS]}
    started_at = clamp_time(alert.starts_at, received_at)
    ended_at = None
    if alert.status == "resolved":
        ended_at = max(started_at, clamp_time(alert.ends_at, received_at))
    fingerprint = alert.fingerprint or hashlib.sha256(json.dumps(labels).encode()).hexdigest()[:16]
    return Alert(fingerprint, labels, started_at, ended_at)


def _times(alert: WebhookAlert) -> tuple[datetime | None, ...]:
    """Return the times of an alert that count; the end of a firing one is a forecast."""
    return (alert.starts_at,) if alert.status == "firing" else (alert.starts_at, alert.ends_at)


def is_possible(time: datetime | None, received_at: datetime) -> bool:
    """Return whether a time is in FIRST_YEAR or later, and not after its arrival."""
    return time is not None and time.year >= FIRST_YEAR and time <= received_at + CLOCK_SKEW


def clamp_time(time: datetime | None, received_at: datetime) -> datetime:
    """Return the time in UTC, at most `received_at`; `received_at` in the place of an impossible one."""
    if time is None or not is_possible(time, received_at):
        return received_at
    return min(time.astimezone(UTC), received_at)


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """Return the text in at most `limit` characters; an ellipsis replaces the rest."""
    return text if len(text) <= limit else text[: limit - 1] + "…"

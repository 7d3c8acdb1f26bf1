"""The pager's tables. A change here needs a migration (services/pager/model/migrations/versions)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.storage.types import UtcDateTime


class Base(DeclarativeBase):
    """The base of all tables."""


class Incident(Base):
    """An incident: from the first notification of a group of alerts until all of them are resolved."""

    __tablename__ = "incidents"

    id: Mapped[int] = mapped_column(primary_key=True)
    group_key: Mapped[str] = mapped_column(String(64))
    alert: Mapped[str] = mapped_column(String(200))
    severity: Mapped[str] = mapped_column(String(20))
    service: Mapped[str] = mapped_column(String(200))
    receiver: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    links: Mapped[dict[str, str]] = mapped_column(JSON)
    # By fingerprint: {"labels": {...}, "started_at": RFC 3339, "ended_at": RFC 3339 or null}.
    alerts: Mapped[dict[str, Any]] = mapped_column("instances", JSON)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    notified_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The responder who resolved it by hand; None: its alerts resolved.
    resolved_by: Mapped[str | None] = mapped_column(String(60))
    notifications: Mapped[int] = mapped_column("notices", default=0)

    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(60))
    # The responders paged last, or the one who acknowledged it.
    responder: Mapped[str] = mapped_column(String(500), default="")
    # 0: the first level of the rotation.
    escalation_level: Mapped[int] = mapped_column(default=0)
    # When the next level is paged; None: it does not escalate. Stored, so that it survives a restart.
    next_escalation_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The silence that a responder created in Alertmanager.
    silence_id: Mapped[str | None] = mapped_column(String(64))
    silence_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    silence_by: Mapped[str | None] = mapped_column(String(60))
    # The last auto-remediation: {"action", "result", "at", "text"}.
    remediation: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    timeline: Mapped[list["Event"]] = relationship(
        order_by="(Event.at, Event.id)", cascade="all, delete-orphan", lazy="selectin"
    )

    __table_args__ = (
        # The database guarantees one open incident per group.
        Index(
            "one_open_incident_per_group",
            "group_key",
            unique=True,
            sqlite_where=resolved_at.is_(None),
            postgresql_where=resolved_at.is_(None),
        ),
        Index("incidents_by_opening", "opened_at"),
    )

    @property
    def is_open(self) -> bool:
        """Return whether it is not resolved."""
        return self.resolved_at is None


class Event(Base):
    """One line of an incident's timeline."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    # fired | notified | mailed | repeated | recovered | resolved | reopened
    # | acknowledged | escalated | commented | silenced | unsilenced | remediation
    event: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    by: Mapped[str | None] = mapped_column(String(60))


class Mail(Base):
    """A mail of an incident: one that opened or updated it, or a comment."""

    __tablename__ = "mails"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(String(200), unique=True, index=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Heartbeat(Base):
    """The last heartbeat: the newest evaluation of the alert that always fires."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    # When Prometheus evaluated it. Alertmanager repeats an old one for about a minute.
    evaluated_at: Mapped[datetime] = mapped_column("heard_at", UtcDateTime)
    # Its links, for the incident that opens when heartbeats are missing.
    links: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)


class Attempt(Base):
    """An attempt of auto-remediation, stored before it acts, so that the rate limit survives a restart."""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    result: Mapped[str] = mapped_column(String(20))  # started | dry_run | done | failed
    incident_id: Mapped[int]

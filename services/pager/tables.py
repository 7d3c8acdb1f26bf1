"""The pager's tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone, so it is put back on the way out."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Aware time to the naive UTC that is stored."""
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Stored naive UTC to aware time."""
        return value if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The tables' registry."""


class Incident(Base):
    """One trouble, from the first notice of a group of alerts until all of them are resolved."""

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
    instances: Mapped[dict[str, Any]] = mapped_column(JSON)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    notified_at: Mapped[datetime] = mapped_column(UtcTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    notices: Mapped[int] = mapped_column(default=0)

    timeline: Mapped[list["Event"]] = relationship(
        order_by="(Event.at, Event.id)", cascade="all, delete-orphan", lazy="selectin"
    )

    __table_args__ = (
        # The database itself holds to one open incident a group, whoever writes.
        Index(
            "one_open_incident_per_group",
            "group_key",
            unique=True,
            sqlite_where=resolved_at.is_(None),
            postgresql_where=resolved_at.is_(None),
        ),
        Index("incidents_by_opening", "opened_at"),
    )


class Event(Base):
    """One line of an incident's timeline."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    event: Mapped[str] = mapped_column(String(20))  # fired | notified | repeated | recovered | resolved | reopened
    text: Mapped[str] = mapped_column(Text)


class Heartbeat(Base):
    """When an alert that always fires was last heard: as long as it is, the way of an alert to the pager is open."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(UtcTime)

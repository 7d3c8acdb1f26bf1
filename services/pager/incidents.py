"""What a notice does to the incidents: it opens one, adds to one, resolves one, or repeats what is known.

Everything is in the database before the notice is acknowledged, so that a restart forgets nothing; a notice that could
not be written is answered with an error and sent again by Alertmanager.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, create_engine, delete, event, func, select
from sqlalchemy.orm import Session

from services.pager.notice import SEVERITIES, Instance, Notice
from services.pager.tables import Base, Event, Heartbeat, Incident

MAX_EVENTS = 200  # lines of one incident's timeline; a flapping alert is cut, and its resolution still noted
MAX_REPEATS = 20  # of them that only say "still firing"
MAX_INSTANCES = 200


class Outcome(StrEnum):
    """What a notice did."""

    OPENED = "opened"
    REOPENED = "reopened"
    UPDATED = "updated"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    IGNORED = "ignored"  # resolved, but no such incident is open or it began later than what the notice ends
    HEARTBEAT = "heartbeat"


def connect(database_url: str) -> Engine:
    """Open the database and make its tables where they are missing."""
    engine = create_engine(database_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    Base.metadata.create_all(engine)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Readers of the page do not wait for the writer; two writers wait for each other instead of failing.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=5000")
    connection.execute("PRAGMA foreign_keys=ON")


class IncidentBook:
    """The incidents in one database. Safe to use from several threads."""

    def __init__(self, engine: Engine, max_resolved: int = 500) -> None:
        self._engine = engine
        self._max_resolved = max_resolved
        # Notices are few; one at a time keeps "is one open? then open one" whole. The unique index guards it besides.
        self._writing = threading.Lock()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def receive(self, notice: Notice) -> tuple[Outcome, Incident | None]:
        """Write down what a notice says. The incident is the one it concerns, None where it concerns none."""
        with self._writing, self._session() as session:
            if notice.is_heartbeat:
                session.merge(Heartbeat(name=notice.alert, heard_at=notice.received_at))
                return Outcome.HEARTBEAT, None
            incident = _newest(session, notice.key)
            is_open = incident is not None and incident.resolved_at is None
            if notice.firing:
                if incident is not None and is_open:
                    return _update(incident, notice), incident
                if incident is not None and _same_alerts(incident, notice):
                    return _reopen(incident, notice), incident
                incident = _open(session, notice)
                self._prune(session)
                return Outcome.OPENED, incident
            if incident is None or not is_open or _is_older(incident, notice):
                return Outcome.IGNORED, incident
            return _resolve(incident, notice), incident

    def listed(self, limit: int = 50) -> list[Incident]:
        """All open incidents, then the newest resolved ones, at most `limit` of these."""
        newest = (Incident.opened_at.desc(), Incident.id.desc())
        with self._session() as session:
            still_open = session.scalars(select(Incident).where(Incident.resolved_at.is_(None)).order_by(*newest))
            resolved = session.scalars(
                select(Incident).where(Incident.resolved_at.is_not(None)).order_by(*newest).limit(limit)
            )
            return [*still_open, *resolved]

    def get(self, incident_id: int) -> Incident | None:
        """The incident of this number, with its timeline."""
        with self._session() as session:
            return session.get(Incident, incident_id)

    def open_by_severity(self) -> dict[str, int]:
        """How many incidents are open, for each severity that can have one."""
        counts = {severity: 0 for severity in SEVERITIES if severity != "none"}
        query = (
            select(Incident.severity, func.count()).where(Incident.resolved_at.is_(None)).group_by(Incident.severity)
        )
        with self._session() as session:
            for severity, count in session.execute(query):
                counts[severity] = count
        return counts

    def last_heartbeat(self) -> datetime | None:
        """When the alert that always fires was last heard; None when it never was."""
        with self._session() as session:
            return session.scalar(select(func.max(Heartbeat.heard_at)))

    def check(self) -> None:
        """Raise sqlalchemy.exc.SQLAlchemyError when the database cannot be read."""
        with self._session() as session:
            session.scalar(select(Incident.id).limit(1))

    def _prune(self, session: Session) -> None:
        stale = (
            select(Incident.id)
            .where(Incident.resolved_at.is_not(None))
            .order_by(Incident.id.desc())
            .offset(self._max_resolved)
        )
        numbers = list(session.scalars(stale))
        session.execute(delete(Event).where(Event.incident_id.in_(numbers)))
        session.execute(delete(Incident).where(Incident.id.in_(numbers)))


def _newest(session: Session, key: str) -> Incident | None:
    query = select(Incident).where(Incident.group_key == key).order_by(Incident.id.desc()).limit(1)
    return session.scalar(query)


def _open(session: Session, notice: Notice) -> Incident:
    opened_at = min((i.started_at for i in notice.instances if i.ended_at is None), default=notice.received_at)
    incident = Incident(
        group_key=notice.key,
        alert=notice.alert,
        severity=notice.severity,
        service=notice.service,
        receiver=notice.receiver,
        summary=notice.summary,
        description=notice.description,
        links=dict(notice.links),
        instances=_stored(notice.instances),
        opened_at=opened_at,
        notified_at=notice.received_at,
        resolved_at=None,
        notices=1,
    )
    _note(incident, opened_at, "fired", notice.summary or notice.alert)
    delay = (notice.received_at - opened_at).total_seconds()
    count = len(notice.instances) + notice.truncated
    _note(
        incident,
        notice.received_at,
        "notified",
        f"Alertmanager told the pager (receiver {notice.receiver}, {count} alert{'s' if count > 1 else ''}), "
        f"{delay:.0f} s after the alert fired",
    )
    session.add(incident)
    session.flush()
    return incident


def _reopen(incident: Incident, notice: Notice) -> Outcome:
    """The same alert, still firing since before: it was taken for over because nobody had heard of it."""
    incident.resolved_at = None
    incident.instances = _stored(notice.instances)
    incident.notices += 1
    _note(incident, notice.received_at, "reopened", f"It fires still: {notice.summary}")
    return Outcome.REOPENED


def _update(incident: Incident, notice: Notice) -> Outcome:
    """A further notice of an open incident: alerts may have joined or gone, or nothing has changed."""
    incident.notices += 1
    known = incident.instances
    incident.severity = min(incident.severity, notice.severity, key=SEVERITIES.index)
    changed = False
    for instance in notice.instances:
        was_firing = instance.fingerprint in known and known[instance.fingerprint]["ended_at"] is None
        if instance.ended_at is None and not was_firing:
            _note(incident, instance.started_at, "fired", f"Also: {_described(instance)}")
            changed = True
        elif instance.ended_at is not None and was_firing:
            _note(incident, instance.ended_at, "recovered", _described(instance))
            changed = True
    merged = {**known, **_stored(notice.instances)}
    incident.instances = dict(list(merged.items())[-MAX_INSTANCES:])
    if changed:
        return Outcome.UPDATED
    if sum(line.event == "repeated" for line in incident.timeline) < MAX_REPEATS:
        _note(incident, notice.received_at, "repeated", f"Still firing, notice number {incident.notices}")
    return Outcome.REPEATED


def _resolve(incident: Incident, notice: Notice) -> Outcome:
    ended_at = max((i.ended_at for i in notice.instances if i.ended_at), default=notice.received_at)
    incident.notices += 1
    incident.resolved_at = max(ended_at, incident.opened_at)
    incident.instances = {**incident.instances, **_stored(notice.instances)}
    duration = (incident.resolved_at - incident.opened_at).total_seconds()
    _note(incident, incident.resolved_at, "resolved", f"All alerts of the group are over, after {duration:.0f} s", True)
    return Outcome.RESOLVED


def _same_alerts(incident: Incident, notice: Notice) -> bool:
    """Whether a firing notice speaks of an alert that this incident holds, firing since the same moment."""
    return any(
        instance.ended_at is None
        and instance.fingerprint in incident.instances
        and incident.instances[instance.fingerprint]["started_at"] == instance.started_at.isoformat()
        for instance in notice.instances
    )


def _is_older(incident: Incident, notice: Notice) -> bool:
    """Whether a "resolved" ends something older than what the incident holds: it was overtaken on its way."""
    return any(
        instance.fingerprint in incident.instances
        and incident.instances[instance.fingerprint]["ended_at"] is None
        and instance.ended_at is not None
        and instance.ended_at < datetime.fromisoformat(incident.instances[instance.fingerprint]["started_at"])
        for instance in notice.instances
    )


def _stored(instances: Iterable[Instance]) -> dict[str, Any]:
    return {
        instance.fingerprint: {
            "labels": dict(instance.labels),
            "started_at": instance.started_at.isoformat(),
            "ended_at": instance.ended_at.isoformat() if instance.ended_at else None,
        }
        for instance in instances
    }


def _described(instance: Instance) -> str:
    """The labels that tell one alert of a group from another."""
    told = {"alertname", "severity", "role", "service"}
    labels = ", ".join(f"{name} {value}" for name, value in instance.labels.items() if name not in told)
    return labels or "another alert of the group"


def _note(incident: Incident, at: datetime, kind: str, text: str, always: bool = False) -> None:
    if always or len(incident.timeline) < MAX_EVENTS:
        incident.timeline.append(Event(at=at, event=kind, text=text))

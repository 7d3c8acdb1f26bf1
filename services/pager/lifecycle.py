"""What a notice does to one incident: opens it, adds to it, closes it, opens it again."""

from datetime import datetime

from services.pager.escalation import Escalation
from services.pager.notice import SEVERITIES, Instance, Notice
from services.pager.tables import Incident
from services.pager.timeline import MAX_INSTANCES, MAX_REPEATS, count, described, note, stored

_FIRST_WORD = {"webhook": "Alertmanager told the pager", "mail": "A mail told the pager", "pager": "The pager noticed"}


def opened(notice: Notice, escalation: Escalation) -> Incident:
    """A new incident, with whoever is on call paged."""
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
        instances=stored(notice.instances, notice.channel),
        opened_at=opened_at,
        notified_at=notice.received_at,
        resolved_at=None,
        notices=1,
    )
    note(incident, opened_at, "fired", notice.summary or notice.alert)
    delay = (notice.received_at - opened_at).total_seconds()
    alerts = len(notice.instances) + notice.truncated
    paged = escalation.begin(incident, notice.received_at)
    note(
        incident,
        notice.received_at,
        "notified",
        f"{_FIRST_WORD[notice.channel]} (receiver {notice.receiver}, {alerts} alert{'s' if alerts > 1 else ''}), "
        f"{delay:.0f} s after the alert fired; {paged}",
    )
    return incident


def reopen(incident: Incident, notice: Notice, escalation: Escalation) -> None:
    """The same alert, firing since before: it was taken for over when nobody had heard of it, or closed by hand."""
    by, incident.resolved_by = incident.resolved_by, None
    incident.resolved_at = None
    incident.instances = stored(notice.instances, notice.channel)
    incident.notices += 1
    text = f"It fires still: {notice.summary}"
    if by is not None or incident.acknowledged_at is None:
        # Who closed it thinks that it is over; somebody has to look again.
        text += f"; {escalation.begin(incident, notice.received_at)}"
    note(incident, notice.received_at, "reopened", text, always=True)


def update(incident: Incident, notice: Notice, escalation: Escalation) -> bool:
    """A further notice of an open incident: tell whether alerts have joined or gone, or nothing has changed."""
    incident.notices += 1
    # What only a mail had told of is told better now.
    known = {key: one for key, one in incident.instances.items() if one.get("channel") != "mail"}
    only_mailed = len(known) < len(incident.instances)
    _sharpen(incident, notice, escalation)
    changed = False
    for instance in notice.instances:
        was_firing = instance.fingerprint in known and known[instance.fingerprint]["ended_at"] is None
        if instance.ended_at is None and not was_firing and not only_mailed:
            note(incident, instance.started_at, "fired", f"Also: {described(instance.labels)}")
            changed = True
        elif instance.ended_at is not None and was_firing:
            note(incident, instance.ended_at, "recovered", described(instance.labels))
            changed = True
    merged = {**known, **stored(notice.instances, notice.channel)}
    incident.instances = dict(list(merged.items())[-MAX_INSTANCES:])
    if not changed and count(incident, "repeated") < MAX_REPEATS:
        note(incident, notice.received_at, "repeated", f"Still firing, notice number {incident.notices}")
    return changed


def mailed(incident: Incident, notice: Notice) -> bool:
    """Note that a mail tells the same; False when one has before."""
    if count(incident, "mailed"):
        return False
    note(incident, notice.received_at, "mailed", f"Alertmanager's mail arrived: {notice.summary or notice.alert}")
    return True


def resolve(incident: Incident, at: datetime, text: str, by: str | None = None) -> None:
    """It is over; nobody is waited for any more."""
    incident.resolved_at = max(at, incident.opened_at)
    incident.resolved_by = by
    incident.next_escalation_at = None
    note(incident, incident.resolved_at, "resolved", text, by, always=True)


def resolve_by(incident: Incident, notice: Notice) -> None:
    """Resolve as a notice says."""
    ended_at = max((i.ended_at for i in notice.instances if i.ended_at), default=notice.received_at)
    incident.notices += 1
    incident.instances = {**incident.instances, **stored(notice.instances, notice.channel)}
    duration = max(0.0, (ended_at - incident.opened_at).total_seconds())
    how = notice.summary if notice.channel == "pager" else "All alerts of the group are over"
    resolve(incident, ended_at, f"{how}, after {duration:.0f} s")


def is_same(incident: Incident, notice: Notice) -> bool:
    """Whether a firing notice speaks of an alert that this incident holds, firing since the same moment."""
    return any(
        instance.ended_at is None and _since(incident, instance) == instance.started_at for instance in notice.instances
    )


def began_before_its_end(incident: Incident, notice: Notice) -> bool:
    """Whether all that a notice says to fire began before this resolved incident was over."""
    end = incident.resolved_at
    return end is not None and all(instance.started_at <= end for instance in notice.instances)


def is_older(incident: Incident, notice: Notice) -> bool:
    """Whether a "resolved" ends something older than what the incident holds: it was overtaken on its way."""
    ends = [(instance, instance.ended_at) for instance in notice.instances if instance.ended_at is not None]
    if ends and all(ended_at < incident.opened_at for _, ended_at in ends):
        return True
    for instance, ended_at in ends:
        since = _since(incident, instance)
        if since is not None and incident.instances[instance.fingerprint]["ended_at"] is None and ended_at < since:
            return True
    return False


def _sharpen(incident: Incident, notice: Notice, escalation: Escalation) -> None:
    """A ticket that becomes a page is paged from now on."""
    urgent = min(incident.severity, notice.severity, key=SEVERITIES.index)
    if urgent != incident.severity:
        incident.severity = urgent
        escalation.resume(incident, notice.received_at)


def _since(incident: Incident, instance: Instance) -> datetime | None:
    """Since when the incident knows an alert to fire."""
    known = incident.instances.get(instance.fingerprint)
    return datetime.fromisoformat(known["started_at"]) if known else None

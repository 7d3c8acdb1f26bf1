"""The draft of a post-mortem: filled in from the timeline, the rest is for people to write."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from services.pager.model.tables import Event, Incident
from services.pager.web import time_range_links
from services.web.times import format_duration

_TO_WRITE = "_To be written:_"
# Texts of alerts and people are escaped: no markup, link or table cell.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")
# Markup only at the start of a line: headings, lists, rules.
_BEGINNING = re.compile(r"^(\d*)([-+#=.)])")
_LINKS = {
    "dashboard": "Dashboard of the service",
    "slo": "Error budgets and incidents",
    "logs": "Logs",
    "prometheus": "The alert's expression in Prometheus",
    "runbook": "Runbook",
}


def draft(incident: Incident, now: datetime) -> str:
    """Return the draft as Markdown; that of an open incident ends now."""
    lines = sorted(incident.timeline, key=lambda line: (line.at, line.id))
    end = incident.resolved_at or now
    parts = [
        f"# Post-mortem: {_text(incident.alert)} of {_text(incident.service)} (incident {incident.id})",
        "Filled in by the pager from its timeline. No blame: ask what made each step look right at the time.",
        "\n".join(_facts(incident, lines, end)),
        "## Summary",
        _text(incident.summary) or "The alert had no summary.",
        _text(incident.description),
        f"{_TO_WRITE} what happened, in two sentences for a reader outside the team.",
        "## Impact",
        f"From {_moment(incident.opened_at)} to {_moment(end)} UTC, {_between(incident.opened_at, end)}"
        f"{'' if incident.resolved_at else ' so far'}.",
        f"{_TO_WRITE} how many users saw what, and how much of which error budget it used (the graphs below say).",
        "## Root cause",
        f"{_TO_WRITE} what had to come together. Not who.",
        "## Times",
        "\n".join(_times(incident, lines)),
        "## Timeline",
        "\n".join(_timeline(incident, lines)),
        "## Graphs and logs of the incident",
        "\n".join(_links(incident, end)) or "The alert had no links.",
        "## What went well",
        "\n".join([*_went_well(incident, lines), f"- {_TO_WRITE}"]),
        "## What went badly",
        "\n".join([*_went_badly(incident, lines), f"- {_TO_WRITE}"]),
        "## Actions",
        "| Action | Prevents, detects or fixes | Owner | Until |\n|---|---|---|---|\n" + f"| {_TO_WRITE} | | | |",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(incident: Incident, lines: list[Event], end: datetime) -> Iterator[str]:
    resolved = f"resolved at {_moment(end)} UTC" if incident.resolved_at else "open"
    people = dict.fromkeys(line.by for line in lines if line.by)
    yield "| | |\n|---|---|"
    yield f"| Severity | {_text(incident.severity)} |"
    yield f"| Service | {_text(incident.service)} |"
    yield f"| Started | {_moment(incident.opened_at)} UTC |"
    yield f"| Status | {resolved}{f' by {_text(incident.resolved_by)}' if incident.resolved_by else ''} |"
    yield f"| Participants | {', '.join(map(_text, people)) or 'none'} |"
    yield f"| Last responder paged | {_text(incident.responder) or 'none'} |"


def _times(incident: Incident, lines: list[Event]) -> Iterator[str]:
    yield "| From the alert's firing until | Duration | By |\n|---|---|---|"
    yield f"| notified | {_between(incident.opened_at, incident.notified_at)} | |"
    first = next((line for line in lines if line.event == "acknowledged"), None)
    if first is None:
        yield "| acknowledged | never | |"
    else:
        yield f"| acknowledged | {_between(incident.opened_at, first.at)} | {_text(first.by or '')} |"
    if incident.resolved_at is None:
        yield "| resolved | not yet | |"
    else:
        by = _text(incident.resolved_by or "the alert itself")
        yield f"| resolved | {_between(incident.opened_at, incident.resolved_at)} | {by} |"


def _timeline(incident: Incident, lines: list[Event]) -> Iterator[str]:
    yield "| UTC | After | Event | By | |\n|---|---|---|---|---|"
    for line in lines:
        after = _between(incident.opened_at, line.at)
        yield f"| {_moment(line.at)} | {after} | {line.event} | {_text(line.by or '')} | {_text(line.text)} |"


def _links(incident: Incident, end: datetime) -> Iterator[str]:
    shown = time_range_links.over(incident.links, incident.opened_at, end)
    for name, text in _LINKS.items():
        if name in shown:
            # In angle brackets an address may hold all but these.
            address = re.sub(r"[<>\s\\]", lambda found: f"%{ord(found[0]):02X}", shown[name])
            yield f"- [{text}](<{address}>)"


def _went_well(incident: Incident, lines: list[Event]) -> Iterator[str]:
    acknowledged = next((line for line in lines if line.event == "acknowledged"), None)
    escalated = next((line for line in lines if line.event == "escalated"), None)
    if acknowledged is not None and (escalated is None or acknowledged.at < escalated.at):
        took = _between(incident.notified_at, acknowledged.at)
        yield f"- The first responder acknowledged, {took} after the notification."
    if incident.remediation and incident.remediation.get("result") == "done":
        yield "- Auto-remediation acted before a responder had to."


def _went_badly(incident: Incident, lines: list[Event]) -> Iterator[str]:
    escalations = sum(line.event == "escalated" and line.by is None for line in lines)
    if escalations:
        yield f"- {escalations} level{'s' if escalations > 1 else ''} did not acknowledge in time."
    if incident.severity == "page" and not any(line.event == "acknowledged" for line in lines):
        yield "- No responder acknowledged it."
    if any(line.event == "reopened" for line in lines):
        yield "- Resolved prematurely, then reopened."


def _text(text: str) -> str:
    return _BEGINNING.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _between(start: datetime, end: datetime) -> str:
    return format_duration((end - start).total_seconds())

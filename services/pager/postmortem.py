"""The draft of a post-mortem: what the timeline knows is filled in, the rest is for people to write."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from services.pager import ranges
from services.pager.tables import Event, Incident

_TO_WRITE = "_To be written:_"
# Texts of alerts and people stay texts: nothing of them becomes markup, a link or a new cell.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")
# What makes a heading, a list or a line only where it begins one.
_BEGINNING = re.compile(r"^(\d*)([-+#=.)])")
_LINKS = {
    "dashboard": "Dashboard of the service",
    "slo": "Error budgets and incidents",
    "logs": "Logs",
    "prometheus": "The alert's expression in Prometheus",
    "runbook": "Runbook",
}


def draft(incident: Incident, now: datetime) -> str:
    """The draft as Markdown. That of an open incident goes as far as now."""
    lines = sorted(incident.timeline, key=lambda line: (line.at, line.id))
    end = incident.resolved_at or now
    parts = [
        f"# Post-mortem: {_text(incident.alert)} of {_text(incident.service)} (incident {incident.id})",
        "Filled in by the pager from its timeline. Blame nobody: ask what made each step look right at the time.",
        "\n".join(_facts(incident, lines, end)),
        "## Summary",
        _text(incident.summary) or "The alert had no summary.",
        _text(incident.description),
        f"{_TO_WRITE} what happened, in two sentences that somebody outside of the team understands.",
        "## Impact",
        f"From {_moment(incident.opened_at)} to {_moment(end)} UTC, {_span(incident.opened_at, end)}"
        f"{'' if incident.resolved_at else ' so far'}.",
        f"{_TO_WRITE} how many users saw what, and how much of which error budget it used (the graphs below say).",
        "## Root cause",
        f"{_TO_WRITE} what had to come together. Not who.",
        "## Times",
        "\n".join(_times(incident, lines)),
        "## Timeline",
        "\n".join(_timeline(incident, lines)),
        "## Graphs and logs of these minutes",
        "\n".join(_links(incident, end)) or "The alert had no links.",
        "## What went well",
        "\n".join([*_went_well(incident, lines), f"- {_TO_WRITE}"]),
        "## What went badly",
        "\n".join([*_went_badly(incident, lines), f"- {_TO_WRITE}"]),
        "## Actions",
        "| Action | Prevents, finds or mends | Owner | Until |\n|---|---|---|---|\n" + f"| {_TO_WRITE} | | | |",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(incident: Incident, lines: list[Event], end: datetime) -> Iterator[str]:
    resolved = f"resolved at {_moment(end)} UTC" if incident.resolved_at else "open"
    people = dict.fromkeys(line.by for line in lines if line.by)
    yield "| | |\n|---|---|"
    yield f"| Severity | {_text(incident.severity)} |"
    yield f"| Service | {_text(incident.service)} |"
    yield f"| Began | {_moment(incident.opened_at)} UTC |"
    yield f"| Status | {resolved}{f' by {_text(incident.resolved_by)}' if incident.resolved_by else ''} |"
    yield f"| Who took part | {', '.join(map(_text, people)) or 'nobody wrote anything'} |"
    yield f"| Paged last | {_text(incident.responder) or 'nobody'} |"


def _times(incident: Incident, lines: list[Event]) -> Iterator[str]:
    yield "| From the alert's firing until | Took | Who |\n|---|---|---|"
    yield f"| the pager was told | {_span(incident.opened_at, incident.notified_at)} | |"
    first = next((line for line in lines if line.event == "acknowledged"), None)
    if first is None:
        yield "| somebody acknowledged | never | |"
    else:
        yield f"| somebody acknowledged | {_span(incident.opened_at, first.at)} | {_text(first.by or '')} |"
    if incident.resolved_at is None:
        yield "| it was resolved | not yet | |"
    else:
        by = _text(incident.resolved_by or "the alert itself")
        yield f"| it was resolved | {_span(incident.opened_at, incident.resolved_at)} | {by} |"


def _timeline(incident: Incident, lines: list[Event]) -> Iterator[str]:
    yield "| UTC | After | What | Who | |\n|---|---|---|---|---|"
    for line in lines:
        after = _span(incident.opened_at, line.at)
        yield f"| {_moment(line.at)} | {after} | {line.event} | {_text(line.by or '')} | {_text(line.text)} |"


def _links(incident: Incident, end: datetime) -> Iterator[str]:
    shown = ranges.over(incident.links, incident.opened_at, end)
    for name, text in _LINKS.items():
        if name in shown:
            # In angle brackets an address may hold all but these.
            address = re.sub(r"[<>\s\\]", lambda found: f"%{ord(found[0]):02X}", shown[name])
            yield f"- [{text}](<{address}>)"


def _went_well(incident: Incident, lines: list[Event]) -> Iterator[str]:
    acknowledged = next((line for line in lines if line.event == "acknowledged"), None)
    escalated = next((line for line in lines if line.event == "escalated"), None)
    if acknowledged is not None and (escalated is None or acknowledged.at < escalated.at):
        took = _span(incident.notified_at, acknowledged.at)
        yield f"- The first who was paged answered, {took} after the pager was told."
    if incident.remediation and incident.remediation.get("result") == "done":
        yield "- The pager acted by itself before somebody had to."


def _went_badly(incident: Incident, lines: list[Event]) -> Iterator[str]:
    escalations = sum(line.event == "escalated" and line.by is None for line in lines)
    if escalations:
        yield f"- {escalations} level{'s' if escalations > 1 else ''} did not answer in time."
    if incident.severity == "page" and not any(line.event == "acknowledged" for line in lines):
        yield "- Nobody acknowledged it."
    if any(line.event == "reopened" for line in lines):
        yield "- It was taken for over and was not."


def _text(text: str) -> str:
    return _BEGINNING.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join(text.split())))


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _span(start: datetime, end: datetime) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`."""
    seconds = max(0, round((end - start).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"

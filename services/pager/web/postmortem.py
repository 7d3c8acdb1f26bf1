"""The draft of a post-mortem: filled in from the timeline, the rest is for people to write."""

import re
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from services.pager.model.tables import Incident
from services.pager.web import time_range_links
from services.web.times import format_duration

# Texts of alerts and people are escaped: no markup, link or table cell.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")
# Markup only at the start of a line: headings, lists, rules.
_BEGINNING = re.compile(r"^(\d*)([-+#=.)])")
_LINKS = {
    "dashboard": "Dashboard of the service",
    "slo": "Error budgets and incidents",
    "logs": "Logs",
    "prometheus": "The alert's expression in Prometheus",
    "grafana": "The alert's rule in Grafana",
    "runbook": "Runbook",
}


def draft(incident: Incident, now: datetime) -> str:
    """Return the draft as Markdown; that of an open incident ends now."""
    lines = sorted(incident.timeline, key=lambda line: (line.at, line.id))
    first = {line.event: line for line in reversed(lines)}
    end = incident.resolved_at or now
    links = time_range_links.over(incident.links, incident.opened_at, end)
    return _TEMPLATES.get_template("postmortem.md.jinja").render(
        incident=incident,
        lines=lines,
        end=end,
        links=[(label, _escape_address(links[name])) for name, label in _LINKS.items() if name in links],
        acknowledged=first.get("acknowledged"),
        escalated=first.get("escalated"),
        reopened=first.get("reopened"),
        missed=sum(line.event == "escalated" and line.by is None for line in lines),
    )


def _escape_address(address: str) -> str:
    # In angle brackets an address may hold all but these.
    return re.sub(r"[<>\s\\]", lambda found: f"%{ord(found[0]):02X}", address)


def _escape_text(text: str | None) -> str:
    return _BEGINNING.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", " ".join((text or "").split())))


# No autoescape: the result is Markdown, and the filter `text` escapes its markup.
_TEMPLATES = Environment(  # noqa: S701
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters["text"] = _escape_text
_TEMPLATES.filters["moment"] = lambda at: at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
_TEMPLATES.filters["since"] = lambda end, start: format_duration((end - start).total_seconds())

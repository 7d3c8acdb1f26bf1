"""What people and programs read: the incidents, the runbooks, and whether the pager is well."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError

from services.pager.incidents import IncidentBook
from services.pager.notice import SEVERITIES
from services.pager.runbooks import Runbooks
from services.pager.tables import Incident
from services.web.problems import Problem

# Seconds without the heartbeat after which the page says that alerts may not get through. It comes every 20 s.
SILENCE = 60
MAX_LISTED = 200


def blueprint(book: IncidentBook, runbooks: Runbooks) -> Blueprint:
    """The pages, their JSON, and the probes."""
    routes = Blueprint("pages", __name__)
    routes.app_template_filter("clock")(_clock)
    routes.app_template_filter("ago")(_ago)
    routes.app_template_filter("span")(_span)

    @routes.get("/")
    def front() -> str:
        incidents = book.listed()
        heard = book.last_heartbeat()
        return render_template(
            "incidents.html",
            # Sorting keeps the order of opening among equals: the most urgent first, then the newest.
            still_open=sorted((incident for incident in incidents if incident.resolved_at is None), key=_urgency),
            resolved=[incident for incident in incidents if incident.resolved_at is not None],
            heard=heard,
            silent=heard is None or (datetime.now(UTC) - heard).total_seconds() > SILENCE,
        )

    @routes.get("/incidents")
    def list_incidents() -> Response:
        limit = request.args.get("limit", default=50, type=int)
        if not 1 <= limit <= MAX_LISTED:
            raise Problem(422, "Limit out of range", f"Give a limit of 1 to {MAX_LISTED}.", "/problems/invalid-limit")
        return jsonify(incidents=[as_json(incident) for incident in book.listed(limit)])

    @routes.get("/incidents/<int:number>")
    def show_incident(number: int) -> Response | str:
        # Numbers beyond 64 bits are no number of a row, and SQLite refuses to look for them.
        incident = book.get(number) if number < 2**63 else None
        if incident is None:
            raise Problem(
                404, "No such incident", f"There is no incident {str(number)[:20]}.", "/problems/unknown-incident"
            )
        wanted = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
        if wanted == "application/json":
            return jsonify(as_json(incident))
        return render_template("incident.html", incident=incident)

    @routes.get("/runbooks/")
    def list_runbooks() -> str:
        return render_template("runbooks.html", names=runbooks.names())

    @routes.get("/runbooks/<name>")
    def show_runbook(name: str) -> str:
        html = runbooks.html(name)
        if html is None:
            raise Problem(404, "No such runbook", "See /runbooks/ for those there are.", "/problems/unknown-runbook")
        return render_template("runbook.html", name=name, html=html)

    @routes.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @routes.get("/ready")
    def ready() -> tuple[Response, int]:
        try:
            book.check()
        except SQLAlchemyError:
            return jsonify(status="unavailable", database="unreachable"), 503
        return jsonify(status="ok", database="ok"), 200

    return routes


def as_json(incident: Incident) -> dict[str, Any]:
    """An incident as programs read it; times are RFC 3339 in UTC."""
    return {
        "id": incident.id,
        "alert": incident.alert,
        "severity": incident.severity,
        "service": incident.service,
        "receiver": incident.receiver,
        "status": "open" if incident.resolved_at is None else "resolved",
        "summary": incident.summary,
        "description": incident.description,
        "links": incident.links,
        "notices": incident.notices,
        "opened_at": _rfc3339(incident.opened_at),
        "notified_at": _rfc3339(incident.notified_at),
        "resolved_at": _rfc3339(incident.resolved_at) if incident.resolved_at else None,
        "timeline": [
            {"at": _rfc3339(line.at), "event": line.event, "text": line.text}
            for line in sorted(incident.timeline, key=lambda line: (line.at, line.id))
        ],
    }


def _urgency(incident: Incident) -> int:
    return SEVERITIES.index(incident.severity)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clock(moment: datetime) -> str:
    """Time of day in UTC, with the date where it is not today's."""
    utc = moment.astimezone(UTC)
    today = datetime.now(UTC).date()
    return utc.strftime("%H:%M:%S" if utc.date() == today else "%Y-%m-%d %H:%M:%S")


def _ago(moment: datetime) -> str:
    return f"{_span((datetime.now(UTC) - moment).total_seconds())} ago"


def _span(seconds: float) -> str:
    """A duration in its largest two units: `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`."""
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])

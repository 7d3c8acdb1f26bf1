"""The pages and their JSON: incidents, on call, runbooks, probes."""

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy.exc import SQLAlchemyError

from services.pager.incidents.alertmanager_client import Alertmanager, AlertmanagerError, InhibitedAlert
from services.pager.incidents.store import IncidentStore
from services.pager.model.notification import SEVERITIES
from services.pager.model.serialize import as_json
from services.pager.model.tables import Incident
from services.pager.oncall import upcoming_shifts
from services.pager.oncall.rotation import Rotation
from services.pager.web import filters, postmortem
from services.pager.web.runbooks import Runbooks, to_html
from services.web import problems
from services.web.problems import Problem

MAX_LISTED = 200
Document = dict[str, Any]


def blueprint(
    store: IncidentStore, runbooks: Runbooks, rotation: Rotation, alertmanager: Alertmanager, silence_seconds: float
) -> Blueprint:
    """Return the routes. The front page warns of a heartbeat older than `silence_seconds`."""
    routes = Blueprint("pages", __name__)
    _register_filters(routes)
    _render_problems(routes)

    @routes.get("/")
    def front() -> str:
        incidents = [as_json(incident) for incident in store.list()]
        heartbeat = store.last_heartbeat()
        return render_template(
            "incidents.html",
            # A stable sort: the most urgent first, then the newest.
            still_open=sorted((incident for incident in incidents if not incident["resolved_at"]), key=_urgency),
            resolved=[incident for incident in incidents if incident["resolved_at"]],
            heartbeat=heartbeat,
            missing=heartbeat is None or filters.until(heartbeat) < -silence_seconds,
            duty=rotation.document(datetime.now(UTC)),
        )

    @routes.get("/incidents")
    def list_incidents() -> Document:
        limit = request.args.get("limit", default=50, type=int)
        if not 1 <= limit <= MAX_LISTED:
            raise Problem(422, "Limit out of range", f"Give a limit of 1 to {MAX_LISTED}.", "/problems/invalid-limit")
        return {"incidents": [as_json(incident) for incident in store.list(limit)]}

    @routes.get("/incidents/<number>")
    def show_incident(number: str) -> Document | str:
        incident = _get(store, number)
        document = as_json(incident)
        if not _prefers("text/html", "application/json"):
            return document
        return render_template(
            "incident.html",
            incident=document,
            lines=filters.timeline(document["timeline"]),
            alerts=sorted(incident.alerts.values(), key=lambda one: (one["ended_at"] is not None, one["started_at"])),
            inhibited=_inhibited(alertmanager, incident),
            people=rotation.read().people,
        )

    @routes.get("/incidents/<number>/postmortem")
    def show_postmortem(number: str) -> Response | str:
        incident = _get(store, number)
        draft = postmortem.draft(incident, datetime.now(UTC))
        if not _prefers("text/html", "text/markdown"):
            return Response(draft, mimetype="text/markdown")
        return render_template("postmortem.html", incident=as_json(incident), markdown=draft, html=to_html(draft))

    @routes.get("/incidents/<number>/postmortem.md")
    def download_postmortem(number: str) -> Response:
        incident = _get(store, number)
        response = Response(postmortem.draft(incident, datetime.now(UTC)), mimetype="text/markdown")
        name = re.sub(r"[^A-Za-z0-9]+", "-", incident.alert)
        response.headers.set("Content-Disposition", "attachment", filename=f"postmortem-{incident.id}-{name}.md")
        return response

    @routes.get("/oncall")
    def on_call() -> Document | str:
        now = datetime.now(UTC)
        document = rotation.document(now)
        if not _prefers("text/html", "application/json"):
            return document
        plan = rotation.read()
        days = [upcoming_shifts.upcoming(plan, level, now) for level in range(plan.levels)]
        return render_template("oncall.html", duty=document, days=days)

    @routes.get("/runbooks/")
    def list_runbooks() -> str:
        return render_template("runbooks.html", names=runbooks.names())

    @routes.get("/runbooks/<name>")
    def show_runbook(name: str) -> str:
        html = runbooks.html(name)
        if html is None:
            raise Problem(404, "No such runbook", "/runbooks/ lists all runbooks.", "/problems/unknown-runbook")
        return render_template("runbook.html", name=name, html=html)

    @routes.get("/health")
    def health() -> Document:
        return {"status": "ok"}

    @routes.get("/ready")
    def ready() -> tuple[Document, int]:
        try:
            store.check()
        except SQLAlchemyError:
            return {"status": "unavailable", "database": "unreachable"}, 503
        return {"status": "ok", "database": "ok"}, 200

    return routes


def _register_filters(routes: Blueprint) -> None:
    for function in (filters.clock, filters.ago, filters.ahead, filters.iso, filters.lasted):
        routes.add_app_template_filter(function)


def _render_problems(routes: Blueprint) -> None:
    """Send browsers an HTML page in the place of a problem document."""

    @routes.after_app_request
    def render(response: Response) -> Response:
        if (
            response.mimetype == problems.CONTENT_TYPE
            and request.method == "GET"
            and not _prefers("application/json", "text/html")
        ):
            response.set_data(render_template("problem.html", problem=response.get_json(force=True)))
            response.mimetype = "text/html"
        return response


def _prefers(this: str, other: str) -> bool:
    """Return whether the client prefers this type to the other, or accepts both alike."""
    return request.accept_mimetypes.best_match([this, other], default=this) == this


def _get(store: IncidentStore, number: str) -> Incident:
    """Return the incident of this number.

    Raises:
        Problem: 404.
    """
    incident = store.get(int(number)) if re.fullmatch("[0-9]{1,19}", number) else None
    if incident is None:
        raise Problem(
            404,
            "No such incident",
            f"There is no incident {number[:20]}. The pager keeps all open incidents and the newest resolved ones, and "
            "numbers start again when its data is deleted. The list of incidents is at /.",
            "/problems/unknown-incident",
        )
    return incident


def _inhibited(alertmanager: Alertmanager, incident: Incident) -> list[InhibitedAlert]:
    """Return the alerts that an open incident inhibits; none when Alertmanager does not answer."""
    firing = [fingerprint for fingerprint, one in incident.alerts.items() if one["ended_at"] is None]
    if not incident.is_open or not firing:
        return []
    try:
        return alertmanager.inhibited_alerts(firing)
    except AlertmanagerError:
        return []


def _urgency(incident: dict[str, Any]) -> tuple[int, bool]:
    return SEVERITIES.index(incident["severity"]), bool(incident.get("acknowledged_at"))

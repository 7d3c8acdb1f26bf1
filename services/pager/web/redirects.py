"""Short addresses for links in alerts and mails: the newest incident of an alert, and the logs of a service."""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import quote

from flask import Blueprint, redirect, request, url_for
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from werkzeug.wrappers import Response

from services.pager.incidents.store import IncidentStore
from services.pager.model.notification import MAX_LABEL, identity
from services.telemetry import names
from services.web.problems import Problem, from_validation

# Shown before and after the alert.
LOGS_MARGIN = timedelta(minutes=10)
_LAST_SECOND = 253_402_300_799  # of the year 9999


class LogsQuery(BaseModel):
    """The query of /logs: filters (default: all lines), and a time.

    `at` is in Unix seconds (default: now); a range `from` to `to` in Unix milliseconds wins over it.
    """

    service: Annotated[str, StringConstraints(max_length=MAX_LABEL)] = ""
    kind: Literal[names.KINDS] | None = None  # type: ignore[valid-type]
    error_type: Annotated[str, StringConstraints(max_length=MAX_LABEL)] = ""
    at: float | None = Field(default=None, ge=0, le=_LAST_SECOND)
    start: int | None = Field(default=None, alias="from", ge=0, le=1000 * _LAST_SECOND)
    end: int | None = Field(default=None, alias="to", ge=0, le=1000 * _LAST_SECOND)


def blueprint(store: IncidentStore, grafana_url: str) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("redirects", __name__)

    @routes.get("/incidents/latest")
    def latest() -> Response:
        """Redirect to the newest incident of `alert` and `service`; to the list when there is none."""
        incident = store.newest(identity(request.args.get("alert", ""), request.args.get("service", "")))
        if incident is None:
            return redirect(url_for("pages.front"))
        return redirect(url_for("pages.show_incident", number=incident.id))

    @routes.get("/logs")
    def logs() -> Response:
        """Redirect to log lines in Grafana's Explore."""
        try:
            query = LogsQuery.model_validate(request.args.to_dict())
        except ValidationError as error:
            raise from_validation(error) from None
        if not grafana_url:
            raise Problem(503, "No Grafana", "GRAFANA_URL is not set. Query Loki with `lab` or its API.")
        return redirect(explore_logs(grafana_url, query, datetime.now(UTC)))

    return routes


def explore_logs(grafana_url: str, query: LogsQuery, now: datetime) -> str:
    """Return the address of Explore with these log lines.

    Args:
        grafana_url: Grafana's address for browsers.
        query: without a range it is LOGS_MARGIN before and after `at`.
        now: the default of `at`.
    """
    at = 1000 * (now.timestamp() if query.at is None else query.at)
    margin = 1000 * LOGS_MARGIN.total_seconds()
    start = query.start if query.start is not None else int(at - margin)
    end = query.end if query.end is not None else int(at + margin)
    filters = {"service_name": query.service, "kind": query.kind or ""}
    labels = {name: value for name, value in filters.items() if value} or {"service_namespace": "lab"}
    # A JSON string is a LogQL string.
    expr = "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"
    if query.error_type:
        expr += f" | error_type={json.dumps(query.error_type)}"
    source = {"type": "loki", "uid": "loki"}
    pane = {
        "datasource": source["uid"],
        "queries": [{"refId": "A", "datasource": source, "expr": expr}],
        "range": {"from": str(start), "to": str(end)},
    }
    panes = quote(json.dumps({"logs": pane}, separators=(",", ":")), safe="")
    return f"{grafana_url.rstrip('/')}/explore?schemaVersion=1&orgId=1&panes={panes}"

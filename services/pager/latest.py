"""`GET /incidents/latest?alert=&service=`: where the links in mails lead, which cannot know an incident's number."""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from services.pager.incidents import IncidentBook
from services.pager.notice import identity


def blueprint(book: IncidentBook) -> Blueprint:
    """The route."""
    routes = Blueprint("latest", __name__)

    @routes.get("/incidents/latest")
    def latest() -> Response:
        """The newest incident of an alert and a service; the list when there is none (any more)."""
        incident = book.newest(identity(request.args.get("alert", ""), request.args.get("service", "")))
        if incident is None:
            return redirect(url_for("pages.front"))
        return redirect(url_for("pages.show_incident", number=incident.id))

    return routes

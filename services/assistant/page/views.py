"""The blueprint: one page, its static files, and their security headers."""

from typing import Final

from flask import Blueprint, Response, current_app, render_template
from flask.blueprints import BlueprintSetupState

from services.assistant.page.links import ENDPOINTS, lab_pages
from services.assistant.page.settings import PageSettings
from services.telemetry import names

_EXTENSION: Final = "assistant_page"

# Nothing but our own files runs or is loaded: a reply of the model that holds markup stays text.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

blueprint = Blueprint(
    "page",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static/page",
)


@blueprint.record
def _read_settings(state: BlueprintSetupState) -> None:
    """Read the addresses once per app, so that a broken one stops the start and not a visitor."""
    state.app.extensions[_EXTENSION] = PageSettings()


@blueprint.get("/")
def index() -> str:
    """Return the page. The browser requests the values, so that the page can show a stopped service."""
    settings: PageSettings = current_app.extensions[_EXTENSION]
    return render_template(
        "page/index.html",
        endpoints=ENDPOINTS,
        lab_pages=lab_pages(settings),
        grafana_base=settings.grafana_base,
        error_rate_high=100 * names.ERROR_RATE_HIGH,
        error_rate_critical=100 * names.ERROR_RATE_CRITICAL,
    )


@blueprint.after_request
def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

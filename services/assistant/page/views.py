"""The blueprint: `GET /`, its static files under `/static/page/`, and their security headers."""

from typing import Final

from flask import Blueprint, Response, current_app, render_template
from flask.blueprints import BlueprintSetupState

from services.assistant.page.settings import ENDPOINTS, PageSettings
from services.telemetry import names

_EXTENSION: Final = "assistant_page"

# Only our own files are loaded and run: markup in a reply of the model stays text.
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
    "page", __name__, template_folder="templates", static_folder="static", static_url_path="/static/page"
)


@blueprint.record
def _read_settings(state: BlueprintSetupState) -> None:
    """Read the settings once per app, so that an invalid address fails the start and not a request."""
    state.app.extensions[_EXTENSION] = PageSettings()


@blueprint.get("/")
def index() -> str:
    """Return the page. The browser requests the values, so that the page can show a stopped service."""
    settings: PageSettings = current_app.extensions[_EXTENSION]
    return render_template(
        "page/index.html",
        endpoints=ENDPOINTS,
        lab_pages=settings.links(),
        grafana_base=settings.grafana_base,
        error_rate_high=100 * names.ERROR_RATE_HIGH,
        error_rate_critical=100 * names.ERROR_RATE_CRITICAL,
    )


@blueprint.after_request
def _set_security_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

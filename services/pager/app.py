"""The pager's wiring: settings, telemetry, database, routes."""

from flask import Flask, Response

from services.pager import pages, webhook
from services.pager.incidents import IncidentBook, connect
from services.pager.runbooks import Runbooks
from services.pager.settings import PagerSettings
from services.telemetry import Telemetry, TelemetrySettings
from services.web import problems

# Nothing but the pager's own files: a text of an alert that carries markup or a script does nothing even if it got
# through the templates.
_CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(settings: PagerSettings, telemetry: Telemetry | None = None) -> Flask:
    """Make the pager. Raises sqlalchemy.exc.SQLAlchemyError when its database cannot be opened."""
    app = Flask(__name__)
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    telemetry.init_app(app)
    problems.init_app(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_notice_bytes
    engine = connect(settings.database_url)
    telemetry.instrument_engine(engine)
    book = IncidentBook(engine, settings.max_resolved)
    app.register_blueprint(webhook.blueprint(book, telemetry))
    app.register_blueprint(pages.blueprint(book, Runbooks(settings.runbooks_dir)))
    app.after_request(_protect)
    return app


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

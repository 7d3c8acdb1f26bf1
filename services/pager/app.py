"""The pager's wiring: settings, telemetry, database, tasks, routes."""

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, Response

from services.pager import actions_routes, latest, pages, webhook
from services.pager.actions import Actions
from services.pager.alertmanager import Alertmanager
from services.pager.clock import Clock
from services.pager.database import Database
from services.pager.deadman import DeadMansSwitch
from services.pager.escalation import Escalation, EscalationTask
from services.pager.incidents import IncidentBook
from services.pager.instruments import Instruments
from services.pager.reconcile import Reconciliation
from services.pager.remediation import Allowed, Assistant, Remediation
from services.pager.rotation import Rotation
from services.pager.rotation_watch import RotationWatch
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


@dataclass(frozen=True)
class Parts:
    """What the pager is made of: `app.extensions["pager"]`."""

    settings: PagerSettings
    telemetry: Telemetry
    instruments: Instruments
    database: Database
    rotation: Rotation
    alertmanager: Alertmanager
    book: IncidentBook
    deadman: DeadMansSwitch
    actions: Actions
    clock: Clock


def create_app(settings: PagerSettings, telemetry: Telemetry | None = None) -> Flask:
    """Make the pager; its clock does not run yet.

    Raises sqlalchemy.exc.SQLAlchemyError when its database cannot be opened.
    """
    app = Flask(__name__)
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    telemetry.init_app(app)
    problems.init_app(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_notice_bytes

    parts = _parts(settings, telemetry)
    app.extensions["pager"] = parts
    app.register_blueprint(webhook.blueprint(parts.book, parts.instruments))
    app.register_blueprint(actions_routes.blueprint(parts.actions))
    app.register_blueprint(latest.blueprint(parts.book))
    app.register_blueprint(
        pages.blueprint(
            parts.book,
            Runbooks(settings.runbooks_dir),
            parts.rotation,
            parts.alertmanager,
            settings.watchdog_silence_seconds,
        )
    )
    app.after_request(_protect)
    return app


def _parts(settings: PagerSettings, telemetry: Telemetry) -> Parts:
    instruments = Instruments(telemetry, settings.pager_url)
    database = Database(settings.database_url)
    telemetry.instrument_engine(database.engine)
    rotation = Rotation(settings.rotation_file)
    escalation = Escalation(rotation, settings.escalate_seconds)
    book = IncidentBook(database, escalation, instruments, settings.max_resolved)
    alertmanager = Alertmanager(settings.alertmanager_url, telemetry)
    actions = Actions(database, book, escalation, alertmanager, instruments)
    deadman = DeadMansSwitch(database, book, settings.watchdog_silence_seconds, settings.watchdog_grace_seconds)
    book.on_heartbeat = deadman.heard
    clock = Clock(telemetry)
    clock.add("dead man's switch", deadman)
    clock.add("escalation", EscalationTask(database, escalation, instruments))
    clock.add("rotation", RotationWatch(rotation, instruments))
    clock.add("reconciliation", Reconciliation(database, book, alertmanager, instruments, settings.forgotten_seconds))
    clock.add("remediation", _remediation(settings, database, instruments))
    return Parts(settings, telemetry, instruments, database, rotation, alertmanager, book, deadman, actions, clock)


def _remediation(settings: PagerSettings, database: Database, instruments: Instruments) -> Remediation:
    assistant = Assistant(settings.assistant_url, settings.admin_token_file, instruments.telemetry)
    after, every = settings.remediation_after_seconds, settings.remediation_every_seconds
    allowed = Allowed(settings.remediation, timedelta(seconds=after), timedelta(seconds=every))
    return Remediation(database, assistant, instruments, allowed)


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response

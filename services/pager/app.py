"""The pager's app: its parts, routes and tasks."""

from flask import Flask, Response

from services.pager.incidents.actions import Actions
from services.pager.incidents.alertmanager_client import Alertmanager
from services.pager.incidents.store import IncidentStore
from services.pager.intake import webhook
from services.pager.jobs import reconcile, rotation_watch
from services.pager.jobs.deadman import DeadMansSwitch
from services.pager.jobs.reconcile import Reconciliation
from services.pager.jobs.remediation import Remediation
from services.pager.jobs.rotation_watch import RotationWatch
from services.pager.jobs.scheduler import Scheduler
from services.pager.metrics import PagerMetrics
from services.pager.model.database import Database
from services.pager.oncall.escalation import Escalation, EscalationTask
from services.pager.oncall.rotation import Rotation
from services.pager.settings import PagerSettings
from services.pager.web import actions_routes, pages, redirects
from services.pager.web.runbooks import Runbooks
from services.telemetry import Telemetry, TelemetrySettings
from services.web import hooks

# Only the pager's own files: markup or a script in an alert's text has no effect, even unescaped.
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Parts:
    """The parts of the pager: `app.extensions["pager"]`."""

    def __init__(self, settings: PagerSettings, telemetry: Telemetry) -> None:
        metrics = PagerMetrics(telemetry, settings.pager_url)
        self.database = Database(settings.database_url)
        telemetry.instrument_engine(self.database.engine)
        self.rotation = Rotation(settings.rotation_file)
        escalation = Escalation(self.rotation, settings.escalate_seconds)
        self.store = IncidentStore(self.database, escalation, metrics, settings.max_resolved)
        self.alertmanager = Alertmanager(settings.alertmanager_url, telemetry)
        self.actions = Actions(self.store, self.alertmanager)
        silence, grace = settings.watchdog_silence_seconds, settings.watchdog_grace_seconds
        self.deadman = DeadMansSwitch(self.store, silence, grace)
        self.store.on_heartbeat = self.deadman.receive
        self.scheduler = Scheduler(telemetry)
        self.scheduler.add("dead man's switch", self.deadman)
        self.scheduler.add("escalation", EscalationTask(self.database, escalation, metrics))
        self.scheduler.add("rotation", RotationWatch(self.rotation, metrics), rotation_watch.INTERVAL)
        reconciliation = Reconciliation(self.store, self.alertmanager, settings.stale_alert_seconds)
        self.scheduler.add("reconciliation", reconciliation, reconcile.INTERVAL)
        self.scheduler.add("remediation", Remediation(self.database, metrics, settings))


def create_app(settings: PagerSettings, telemetry: Telemetry | None = None) -> Flask:
    """Return the pager's app; its scheduler is not started.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: its database cannot be opened.
    """
    app = Flask(__name__, template_folder="web/templates", static_folder="web/static")
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    hooks.init_app(app, telemetry)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_notification_bytes

    parts = app.extensions["pager"] = Parts(settings, telemetry)
    app.register_blueprint(webhook.blueprint(parts.store))
    app.register_blueprint(actions_routes.blueprint(parts.actions))
    app.register_blueprint(redirects.blueprint(parts.store, settings.grafana_url))
    app.register_blueprint(
        pages.blueprint(
            parts.store,
            Runbooks(settings.runbooks_dir),
            parts.rotation,
            parts.alertmanager,
            settings.watchdog_silence_seconds,
        )
    )
    app.after_request(_protect)
    return app


def _protect(response: Response) -> Response:
    response.headers.update(_SECURITY_HEADERS)
    return response

"""The factory of the assistant's app: creates its parts and connects them."""

import threading
from contextlib import ExitStack

from flask import Flask, g, request

from services.assistant import faults, request_metrics
from services.assistant.app_state import Assistant
from services.assistant.appointments import seeds
from services.assistant.appointments.booking import AppointmentBook
from services.assistant.appointments.business import Directory
from services.assistant.conversation.chat import Chat
from services.assistant.conversation.tools import Toolbox
from services.assistant.faults import bookings, kinds
from services.assistant.llm.client import ModelClient
from services.assistant.metrics import ROUTES, AssistantMetrics
from services.assistant.page.views import blueprint as page
from services.assistant.prediction import no_show
from services.assistant.request_metrics import RequestCounter
from services.assistant.resilience import time_budget
from services.assistant.routes import appointments, businesses, chat, feedback, health, predictions, track
from services.assistant.settings import AssistantSettings
from services.assistant.storage import retention
from services.assistant.storage.database import Database, DatabaseUnavailableError, on_statement
from services.assistant.storage.disk_quota import DiskQuota
from services.telemetry import Telemetry, TelemetrySettings
from services.web import openapi, problems
from services.web.admin import AdminToken, admin_blueprint
from services.web.faults import FaultRegistry

_REJECTIONS = ("invalid-request", "empty-body", "broken-json", "body-too-large", "unknown-business")
# Between two attempts to prepare a database that does not answer.
_RETRY_SECONDS = 1.0


def create_app(settings: AssistantSettings, telemetry: Telemetry | None = None) -> Flask:
    """Create the app.

    It serves requests at once. Until the database is prepared, those that need it get a 503 problem.
    """
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    app = openapi.create_app(
        "services.assistant",
        telemetry,
        title="Assistant",
        on_problem=problems.count_rejections(telemetry, _REJECTIONS, "/chat"),
        static_folder=None,
    )

    metrics = AssistantMetrics(telemetry, settings.model_name, settings.max_business_labels)
    database = Database(settings.database_url, settings.database_password_file)
    telemetry.instrument_engine(database.engine)
    on_statement(database.engine, metrics.query)
    metrics.pool(database.pool)

    directory = Directory()
    targets = {"route": lambda: ROUTES, "business_id": lambda: directory.ids}
    registry = FaultRegistry(telemetry, kinds.ALL, target_values=targets)
    model = ModelClient(settings, telemetry, metrics)
    book = AppointmentBook(database, metrics, telemetry, before_commit=bookings.failpoint(registry))
    toolbox = Toolbox(database, directory, book, telemetry)
    assistant = Assistant(
        telemetry=telemetry,
        metrics=metrics,
        database=database,
        directory=directory,
        chat=Chat(database, directory, model, toolbox, metrics=metrics, telemetry=telemetry),
        no_show=no_show.load_or_train(settings.data_dir),
        book=book,
        disk_quota=DiskQuota(settings.data_dir, settings.data_limit),
        request_counter=RequestCounter(),
        faults=registry,
        admin_token=AdminToken(settings.admin_token_file),
    )
    metrics.no_show_model(assistant.no_show.version)
    metrics.disk(assistant.disk_quota)
    app.extensions["assistant"] = assistant

    _set_time_budget(app, settings)
    request_metrics.init_app(app, assistant.request_counter, metrics)
    faults.init_app(app, assistant)
    for module in (chat, appointments, businesses, predictions, feedback, track, health):
        app.register_api(module.blueprint)
    app.register_api(admin_blueprint(telemetry, settings.admin_token_file, registry, restart=True))
    app.register_blueprint(page)

    _prepare_database(assistant)
    metrics.database_up.set_function(lambda: float(database.is_up))
    database.watch(lambda is_up: _log_database(telemetry, is_up), assistant.stop)
    retention.start(database, telemetry, settings.conversation_hours, assistant.stop)
    return app


def _set_time_budget(app: Flask, settings: AssistantSettings) -> None:
    """Set the time budget of each request; call it before the app's other hooks are added."""

    @app.before_request
    def begin() -> None:
        seconds = settings.chat_budget_seconds if request.path == "/chat" else settings.request_budget_seconds
        g.time_budget = ExitStack()
        g.time_budget.enter_context(time_budget(seconds))

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        budget = g.pop("time_budget", None)
        if budget is not None:
            budget.close()


def _prepare_database(assistant: Assistant) -> None:
    """Migrate, insert the businesses and read them; retry in a thread while the database is down."""

    def prepare() -> bool:
        try:
            assistant.database.migrate()
            with assistant.database.write() as session:
                planted = seeds.insert_missing(session)
            with assistant.database.read() as session:
                assistant.directory.load(session)
            assistant.metrics.businesses(business.id for business in assistant.directory)
        except DatabaseUnavailableError as error:
            assistant.telemetry.log(
                "error",
                "database.unavailable",
                "the database does not answer yet",
                level="warning",
                logger="assistant.database",
                error_type=error.why,
            )
            return False
        assistant.database.ping()
        assistant.telemetry.log(
            "application",
            "database.ready",
            "database prepared",
            logger="assistant.database",
            businesses=len(assistant.directory),
            planted=planted,
        )
        return True

    def retry() -> None:
        while not assistant.stop.wait(_RETRY_SECONDS):
            try:
                if prepare():
                    return
            except Exception as error:  # without a retry the assistant would never be ready
                assistant.telemetry.exception("the database could not be prepared", error)

    if not prepare():
        threading.Thread(target=retry, name="database-prepare", daemon=True).start()


def _log_database(telemetry: Telemetry, is_up: bool) -> None:
    if is_up:
        telemetry.log("application", "database.up", "the database answers again", logger="assistant.database")
    else:
        message = "the database does not answer"
        telemetry.log("error", "database.down", message, level="error", logger="assistant.database")

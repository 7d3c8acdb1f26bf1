"""The factory of the assistant's app: the map of its wiring."""

import threading
from contextlib import ExitStack

from flask import Flask, g, request

from services.assistant import housekeeping, no_show, seeds, tally
from services.assistant.chat import Chat
from services.assistant.context import Assistant, Shelf
from services.assistant.database import Database, DatabaseUnavailableError, on_statement
from services.assistant.directory import Directory
from services.assistant.faults import kinds, wiring
from services.assistant.instruments import ROUTES, Instruments
from services.assistant.model_client import ModelClient
from services.assistant.page import blueprint as page
from services.assistant.places import REGION_OF_CITY
from services.assistant.recovery import time_budget
from services.assistant.room import DataRoom
from services.assistant.routes import appointments, businesses, chat, feedback, health, predictions, track
from services.assistant.settings import AssistantSettings
from services.assistant.tally import Tally
from services.assistant.tools import Toolbox
from services.telemetry import Telemetry, TelemetrySettings
from services.web import openapi, problems
from services.web.admin import admin_blueprint
from services.web.faults import FaultRegistry

_REJECTIONS = ("invalid-request", "empty-body", "broken-json", "body-too-large", "unknown-business")
# Seconds between two tries to prepare a database that does not answer.
_PREPARE_AGAIN = 1.0


def create_app(settings: AssistantSettings, telemetry: Telemetry | None = None) -> Flask:
    """Build the app. It answers at once; until the database could be prepared, what needs it is a 503 problem."""
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    app = openapi.create_app(
        "services.assistant",
        telemetry,
        title="Assistant",
        on_problem=problems.rejections(telemetry, _REJECTIONS, "/chat"),
        static_folder=None,
    )

    instruments = Instruments(telemetry, settings.model_name, settings.max_business_labels)
    database = Database(settings.database_url, settings.database_password_file)
    telemetry.instrument_engine(database.engine)
    on_statement(database.engine, instruments.query)
    instruments.pool(database.pool)

    shelf = Shelf()
    targets = {"route": lambda: ROUTES, "business_id": lambda: shelf.ids}
    registry = FaultRegistry(telemetry, kinds.ALL, known=targets)
    model = ModelClient(settings, telemetry, instruments)
    toolbox = Toolbox(database, lambda: shelf.directory, telemetry, instruments, registry)
    assistant = Assistant(
        settings=settings,
        telemetry=telemetry,
        instruments=instruments,
        database=database,
        chat=Chat(
            database,
            model,
            toolbox,
            instruments=instruments,
            telemetry=telemetry,
            model_name=settings.model_name,
        ),
        no_show=no_show.load_or_train(settings.data_dir),
        room=DataRoom(settings.data_dir, settings.data_limit),
        tally=Tally(),
        shelf=shelf,
        faults=registry,
    )
    instruments.no_show_model(assistant.no_show.version)
    instruments.room(assistant.room)
    app.extensions["assistant"] = assistant

    _give_time(app, settings)
    tally.init_app(app, assistant.tally, instruments)
    wiring.init_app(app, assistant)
    for module in (chat, appointments, businesses, predictions, feedback, track, health):
        app.register_api(module.blueprint)
    app.register_api(admin_blueprint(telemetry, settings.admin_token_file, registry, restart=True))
    app.register_blueprint(page)

    _prepare_database(assistant)
    instruments.database_up.set_function(lambda: float(database.is_up))
    database.watch(_DatabaseLog(telemetry), assistant.stop)
    housekeeping.start(database, telemetry, settings.conversation_hours, assistant.stop)
    return app


def _give_time(app: Flask, settings: AssistantSettings) -> None:
    """Set the time budget of each request where it comes in."""

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
    """Migrate, plant the businesses and read them; go on trying in the background when the database is away."""

    def attempt() -> bool:
        try:
            assistant.database.migrate()
            with assistant.database.write() as session:
                planted = seeds.plant(session)
            with assistant.database.read() as session:
                assistant.shelf.fill(Directory.load(session, REGION_OF_CITY))
            assistant.instruments.businesses(business.id for business in assistant.directory)
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
        assistant.database.answered(True)
        assistant.telemetry.log(
            "application",
            "database.ready",
            "database prepared",
            logger="assistant.database",
            businesses=len(assistant.directory),
            planted=planted,
        )
        return True

    def go_on() -> None:
        while not assistant.stop.wait(_PREPARE_AGAIN):
            try:
                if attempt():
                    return
            except Exception as error:  # a thread that dies in silence would leave us unready for ever
                assistant.telemetry.exception("the database could not be prepared", error)

    if not attempt():
        threading.Thread(target=go_on, name="database-prepare", daemon=True).start()


class _DatabaseLog:
    """Logs when the database goes and when it comes back."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._was_up = True

    def __call__(self, is_up: bool) -> None:
        if is_up == self._was_up:
            return
        self._was_up = is_up
        self._telemetry.log(
            "application" if is_up else "error",
            "database.up" if is_up else "database.down",
            "the database answers again" if is_up else "the database does not answer",
            level="info" if is_up else "error",
            logger="assistant.database",
        )

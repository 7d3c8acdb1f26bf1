"""The Flask app of the model server: settings, telemetry, faults, routes."""

from flask import Flask, jsonify

from services.model import faults, routes
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings
from services.web.admin import admin_blueprint
from services.web.faults import FaultRegistry
from services.web.openapi import create_app as create_api

# A long conversation with its tool results is larger than the bodies of the other services.
MAX_BODY_BYTES = 1024 * 1024


def create_app(settings: ModelSettings, telemetry: Telemetry | None = None) -> Flask:
    """Create the app."""
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    app = create_api(__name__, telemetry, title="Model server", max_body=MAX_BODY_BYTES)
    targets = {"model": lambda: (settings.model_name,)}
    registry = FaultRegistry(telemetry, faults.ALL, seed=settings.model_seed, target_values=targets)
    app.register_blueprint(routes.create_blueprint(settings, telemetry, registry))
    app.register_api(admin_blueprint(telemetry, settings.admin_token_file, registry))
    # Probes are no part of the OpenAPI document. The server has no dependencies: it is ready when it is alive.
    for probe in ("health", "ready"):
        app.add_url_rule(f"/{probe}", probe, lambda: jsonify(status="ok"))
    return app

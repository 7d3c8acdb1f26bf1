"""The model server's wiring: settings, telemetry, faults, routes."""

from flask import Flask, Response, jsonify

from services.model import faults, routes
from services.model.latency import Latency
from services.model.settings import ModelSettings
from services.telemetry import Telemetry, TelemetrySettings
from services.web.admin import admin_blueprint
from services.web.faults import FaultRegistry
from services.web.openapi import create_app as create_api

# A long conversation with its tool results is larger than what the other services take.
MAX_BODY = 1024 * 1024


def create_app(settings: ModelSettings, telemetry: Telemetry | None = None) -> Flask:
    """Make the model server."""
    telemetry = telemetry or Telemetry.from_settings(TelemetrySettings())
    app = create_api(__name__, telemetry, title="Model server", max_body=MAX_BODY)
    known = {"model": lambda: (settings.model_name,)}
    registry = FaultRegistry(telemetry, faults.ALL, seed=settings.model_seed, target_values=known)
    latency = Latency(settings.model_first_token_seconds, settings.model_tokens_per_second)
    app.register_blueprint(routes.blueprint(settings, telemetry, registry, latency))
    app.register_api(admin_blueprint(telemetry, settings.admin_token_file, registry))
    # Not by decorator: probes are no part of the published OpenAPI document.
    app.add_url_rule("/health", "health", _ok)
    app.add_url_rule("/ready", "ready", _ok)
    return app


def _ok() -> Response:
    """It needs nothing but itself: alive is ready."""
    return jsonify(status="ok")

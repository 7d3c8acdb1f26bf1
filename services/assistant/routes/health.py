"""Health and totals: /health, /ready, /health/detailed, /stats."""

import os
import time
from typing import Any

import psutil
from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import Assistant, current
from services.assistant.metrics import ACTIONS, total
from services.assistant.routes.schemas import DetailedHealth, Stats, Status
from services.assistant.storage.database import DatabaseUnavailableError
from services.telemetry import names
from services.web.openapi import problem_responses
from services.web.times import format_rfc3339

blueprint = APIBlueprint("health", __name__)

# The first call returns 0.0: psutil measures the CPU between two calls.
_process = psutil.Process()
_process.cpu_percent()
_DEFAULT_ENVIRONMENT = "demo"


@blueprint.get("/health", summary="Liveness", responses={200: Status})
def health() -> dict[str, str]:
    """Return that the process answers."""
    return {"status": "ok"}


@blueprint.get("/ready", summary="Readiness", responses={200: Status, **problem_responses(503)})
def ready() -> dict[str, str]:
    """Return whether requests can be answered: the database is up and prepared."""
    assistant = current()
    assistant.directory.check_loaded()
    if not assistant.database.is_up:
        raise DatabaseUnavailableError("not ready")
    return {"status": "ready"}


@blueprint.get("/health/detailed", summary="Detailed health", responses={200: DetailedHealth})
def detailed() -> dict[str, Any]:
    """Return uptime, resources, requests and the state of the dependencies."""
    assistant = current()
    connected = assistant.database.is_up
    attributes = assistant.telemetry.settings.resource_attributes()
    exported = {family.name for family in assistant.telemetry.registry.collect()}
    return {
        "status": "healthy" if connected else "degraded",
        "service": assistant.telemetry.service,
        "version": assistant.telemetry.version,
        "timestamp": format_rfc3339(time.time()),
        "environment": attributes.get("deployment.environment.name", _DEFAULT_ENVIRONMENT),
        "uptime": _uptime(assistant),
        "system": {
            "memory_usage_mb": round(_process.memory_info().rss / 1024**2, 1),
            "cpu_percent": _process.cpu_percent(),
            "process_id": os.getpid(),
        },
        "requests": assistant.request_counter.document(),
        "health_checks": {
            "database_connected": connected,
            "prometheus_enabled": names.HTTP_DURATION in exported,
            "metrics_tracking": names.AI_REQUESTS.removesuffix("_total") in exported,
        },
    }


@blueprint.get("/stats", summary="Totals since the start", responses={200: Stats})
def stats() -> dict[str, Any]:
    """Return the sums of tokens, cost, appointments and handoffs since the start."""
    metrics = current().metrics
    return {
        "tokens": {kind: int(total(metrics.tokens, type=kind)) for kind in ("input", "output")},
        "cost_dollars": round(total(metrics.cost), 6),
        "appointments": {action: int(total(metrics.appointments, action=action)) for action in ACTIONS},
        "handoffs": int(total(metrics.handoffs)),
    }


def _uptime(assistant: Assistant) -> dict[str, Any]:
    seconds = time.time() - assistant.started
    return {
        "seconds": round(seconds, 1),
        "hours": round(seconds / 3600, 2),
        "days": round(seconds / 86400, 2),
        "started_at": format_rfc3339(assistant.started),
    }

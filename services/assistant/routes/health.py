"""Is it alive, is it ready, how is it, what has it done: /health, /ready, /health/detailed, /stats."""

import os
import time
from datetime import UTC, datetime
from typing import Any

import psutil
from flask_openapi3.blueprint import APIBlueprint

from services.assistant.context import Assistant, current
from services.assistant.database import DatabaseUnavailableError
from services.assistant.health_schemas import DetailedHealth, Stats, Status
from services.assistant.instruments import total
from services.telemetry import names
from services.web.openapi import problem_responses

blueprint = APIBlueprint("health", __name__)

# The first question of psutil about the CPU has no answer yet; it is asked here, at import.
_process = psutil.Process()
_process.cpu_percent()
_DEFAULT_ENVIRONMENT = "demo"


@blueprint.get("/health", summary="Alive?", responses={200: Status})
def health() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@blueprint.get("/ready", summary="Ready for requests?", responses={200: Status, **problem_responses(503)})
def ready() -> dict[str, str]:
    """Say whether requests can be answered: the database is there and prepared."""
    assistant = current()
    if not assistant.shelf.is_filled or not assistant.database.is_up:
        raise DatabaseUnavailableError("not ready")
    return {"status": "ready"}


@blueprint.get("/health/detailed", summary="How is it?", responses={200: DetailedHealth})
def detailed() -> dict[str, Any]:
    """Tell uptime, resources, requests and the state of what is needed."""
    assistant = current()
    connected = assistant.database.is_up
    settings = assistant.telemetry.settings
    environment = settings.resource_attributes().get("deployment.environment.name", _DEFAULT_ENVIRONMENT)
    return {
        "status": "healthy" if connected else "degraded",
        "service": assistant.telemetry.service,
        "version": assistant.telemetry.version,
        "timestamp": _instant(time.time()),
        "environment": environment,
        "uptime": _uptime(assistant),
        "system": {
            "memory_usage_mb": round(_process.memory_info().rss / 1024**2, 1),
            "cpu_percent": _process.cpu_percent(),
            "process_id": os.getpid(),
        },
        "requests": _requests(assistant),
        "health_checks": {
            "database_connected": connected,
            "prometheus_enabled": _has(assistant, names.HTTP_DURATION),
            "metrics_tracking": _has(assistant, names.AI_REQUESTS.removesuffix("_total")),
        },
    }


@blueprint.get("/stats", summary="What has it done since its start?", responses={200: Stats})
def stats() -> dict[str, Any]:
    """Sum up tokens, cost, appointments and handoffs since the start."""
    instruments = current().instruments
    return {
        "tokens": {kind: int(total(instruments.tokens, type=kind)) for kind in ("input", "output")},
        "cost_dollars": round(total(instruments.cost), 6),
        "appointments": {
            action: int(total(instruments.appointments, action=action)) for action in ("booked", "moved", "cancelled")
        },
        "handoffs": int(total(instruments.handoffs)),
    }


def _uptime(assistant: Assistant) -> dict[str, Any]:
    seconds = time.time() - assistant.started
    return {
        "seconds": round(seconds, 1),
        "hours": round(seconds / 3600, 2),
        "days": round(seconds / 86400, 2),
        "started_at": _instant(assistant.started),
    }


def _requests(assistant: Assistant) -> dict[str, Any]:
    figures = assistant.tally.requests
    return {
        "total": figures.total,
        "failed": figures.failed,
        "error_rate_percent": figures.error_rate_percent,
        "last_request": _instant(figures.last) if figures.last else None,
    }


def _has(assistant: Assistant, metric: str) -> bool:
    """Whether the registry that is scraped knows the metric."""
    return any(family.name == metric for family in assistant.telemetry.registry.collect())


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

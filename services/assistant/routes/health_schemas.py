"""Responses of /health, /ready, /health/detailed and /stats."""

from typing import Literal

from pydantic import BaseModel


class Status(BaseModel):
    """The status in one word."""

    status: str


class Uptime(BaseModel):
    """Time since the start."""

    seconds: float
    hours: float
    days: float
    started_at: str


class System(BaseModel):
    """Resources of the process."""

    memory_usage_mb: float
    cpu_percent: float
    process_id: int


class RequestFigures(BaseModel):
    """Responses since the start; `failed` are those of 400 and above."""

    total: int
    failed: int
    error_rate_percent: float
    last_request: str | None


class HealthChecks(BaseModel):
    """State of the dependencies."""

    database_connected: bool
    prometheus_enabled: bool
    metrics_tracking: bool


class DetailedHealth(BaseModel):
    """State of the service."""

    status: Literal["healthy", "degraded"]
    service: str
    version: str
    timestamp: str
    environment: str
    uptime: Uptime
    system: System
    requests: RequestFigures
    health_checks: HealthChecks


class TokenFigures(BaseModel):
    """Tokens since the start."""

    input: int
    output: int


class AppointmentFigures(BaseModel):
    """Appointments since the start."""

    booked: int
    moved: int
    cancelled: int


class Stats(BaseModel):
    """Totals since the start."""

    tokens: TokenFigures
    cost_dollars: float
    appointments: AppointmentFigures
    handoffs: int

"""Settings of the telemetry, read from environment variables of the same names in upper case."""

from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_SIZE_SUFFIXES = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def parse_size(text: str) -> int:
    """Parse a size as compose writes it, to bytes: `512m`, `2g`, `1000`.

    Raises:
        ValueError: the text is not a size.
    """
    text = text.strip().lower()
    factor = _SIZE_SUFFIXES.get(text[-1:], 0)
    try:
        size = int(float(text[:-1]) * factor) if factor else int(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a size; use a number of bytes or one like 512m") from None
    if size < 0:
        raise ValueError(f"{text!r} is negative")
    return size


class TelemetrySettings(BaseSettings):
    """Settings of one service's telemetry. Every field has a default for unit tests; an empty variable means it."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    otel_service_name: str = "service"
    otel_resource_attributes: str = ""
    # Empty: no span is exported; trace ids are still generated and logged.
    otel_exporter_otlp_endpoint: str = ""
    # Names of baggage members, separated by commas, that are passed on from clients to other services.
    baggage_keys: str = ""
    # None: no file is written.
    log_dir: Path | None = None
    log_level: LogLevel = "INFO"
    log_max_bytes: int = Field(default=10_000_000, ge=1000)
    log_backups: int = Field(default=10, ge=1)
    log_stdout: bool = True
    # A slower request gets a line of kind "performance". The objective is 2 s.
    slow_request_seconds: float = Field(default=2.0, gt=0)
    # Only /metrics is served: the baseline of `make bench`, which measures the cost of telemetry.
    telemetry_off: bool = False
    # Bytes; 0: the control group's limit, or else the machine's memory.
    memory_limit: int = 0

    @field_validator("memory_limit", mode="before")
    @classmethod
    def _parse_size(cls, value: object) -> object:
        return parse_size(value) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _convert_to_upper(cls, value: object) -> object:
        return value.strip().upper() if isinstance(value, str) else value

    def resource_attributes(self) -> dict[str, str]:
        """Parse OTEL_RESOURCE_ATTRIBUTES; invalid pairs are ignored, as in the SDK."""
        pairs = (item.split("=", 1) for item in self.otel_resource_attributes.split(",") if "=" in item)
        return {key.strip(): unquote(value.strip()) for key, value in pairs}

    def allowed_baggage(self) -> frozenset[str]:
        """Return the names of baggage members that are passed on."""
        return frozenset(filter(None, (name.strip() for name in self.baggage_keys.split(","))))

    @property
    def version(self) -> str:
        """The service's version, `unknown` if the resource attributes lack it."""
        return self.resource_attributes().get("service.version", "unknown")

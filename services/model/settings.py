"""Settings of the model server, read from the environment; fields are named like their variables, in lower case."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelSettings(BaseSettings):
    """Settings with defaults for a unit test: no latency."""

    model_config = SettingsConfigDict(protected_namespaces=())

    model_name: str = "lab-small"
    # Seconds before the first token, and tokens per second after it; 0 turns either off.
    model_first_token_seconds: float = Field(default=0.0, ge=0, le=60)
    model_tokens_per_second: float = Field(default=0.0, ge=0)
    # For requests without a seed.
    model_seed: int = 1
    # Threads of the server; a fault may hang half of them.
    threads: int = Field(default=32, ge=2)
    admin_token_file: Path | None = None

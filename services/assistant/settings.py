"""The assistant's settings, from its environment."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.telemetry.settings import parse_size

# The lab's own model requires a key as every provider does, and accepts any.
NO_KEY = "none"


class AssistantSettings(BaseSettings):
    """Settings of the assistant, read from environment variables of the same name in capitals.

    Times are seconds, prices are US dollars for a million tokens.
    """

    model_config = SettingsConfigDict(extra="ignore")

    # It may contain a password.
    database_url: str = Field(default="sqlite:///assistant.db", repr=False)
    # Not part of the URL, so that docker-compose.yml can have the URL.
    database_password_file: Path | None = None
    # Folder of the trained no-show model.
    data_dir: Path = Path("data")
    # Quota of the folder in bytes: it can be full while the machine's disk is not.
    data_limit: int = Field(default=256 * 1024**2, ge=1)

    model_base_url: str = "http://127.0.0.1:5002/v1"
    model_name: str = "lab-small"
    # A file, so that no list of processes or containers shows the key. Without a file the key is NO_KEY.
    model_api_key_file: Path | None = None
    # The price of a small hosted model; the exercises need the ratio only.
    model_input_price: float = Field(default=0.15, ge=0)
    model_output_price: float = Field(default=0.60, ge=0)

    chat_budget_seconds: float = Field(default=10.0, gt=0)
    # Requests without a model call: the longest wait for the database.
    request_budget_seconds: float = Field(default=3.0, gt=0)
    model_attempts: int = Field(default=3, ge=1)
    circuit_failures: int = Field(default=5, ge=1)
    circuit_reset_seconds: float = Field(default=10.0, gt=0)

    # Retention of conversations: they are personal, and two requests per second write 10 MB per hour.
    conversation_hours: float = Field(default=12.0, gt=0)

    max_business_labels: int = Field(default=60, ge=1)
    # Without a file the admin API refuses every request.
    admin_token_file: Path | None = None

    @field_validator("data_limit", mode="before")
    @classmethod
    def _size(cls, value: object) -> object:
        return parse_size(value) if isinstance(value, str) else value

    def model_api_key(self) -> str:
        """Return the provider's key, `NO_KEY` without one.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            return self.model_api_key_file.read_text(encoding="utf-8").strip() if self.model_api_key_file else NO_KEY
        except FileNotFoundError:
            return NO_KEY

    def dollars(self, input_tokens: int, output_tokens: int) -> float:
        """Return the cost of a model call in dollars."""
        return (input_tokens * self.model_input_price + output_tokens * self.model_output_price) / 1_000_000

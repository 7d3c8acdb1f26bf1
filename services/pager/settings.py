"""What the pager can be told by its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PagerSettings(BaseSettings):
    """Settings of the pager; each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str = "sqlite:////var/lib/pager/pager.db"
    runbooks_dir: Path = Path("/etc/lab/runbooks")
    # Bytes of one notice. Twenty alerts with all their links (Alertmanager's max_alerts) are about 50 KiB.
    max_notice_bytes: int = Field(default=256 * 1024, ge=1024)
    # Resolved incidents that are kept; open ones are always kept.
    max_resolved: int = Field(default=500, ge=1)

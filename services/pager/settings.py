"""What the pager can be told by its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PagerSettings(BaseSettings):
    """Settings of the pager; each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: str = "sqlite:////var/lib/pager/pager.db"
    # Where browsers find it; shown as a metric, from which dashboards take their links. None without.
    pager_url: str = ""
    runbooks_dir: Path = Path("/etc/lab/runbooks")
    # Bytes of one notice. Twenty alerts with all their links (Alertmanager's max_alerts) are about 50 KiB.
    max_notice_bytes: int = Field(default=256 * 1024, ge=1024)
    # Address and port of the mail server; none without.
    smtp_listen: str = Field(default="", pattern=r"^(.+:\d{1,5})?$")
    # Resolved incidents that are kept; open ones are always kept.
    max_resolved: int = Field(default=500, ge=1)

    rotation_file: Path = Path("/etc/lab/oncall/rotation.yml")
    # A page that nobody acknowledges within this time goes to the next level.
    escalate_seconds: float = Field(default=120, ge=1, le=86_400)

    alertmanager_url: str = "http://127.0.0.1:9093"
    # An alert that Alertmanager has not known for so long is over, though nobody said so.
    forgotten_seconds: float = Field(default=60, ge=1, le=86_400)
    # The dead man's switch: how long the Watchdog may be silent, and how long after the pager's own start nobody minds.
    watchdog_silence_seconds: float = Field(default=60, ge=1, le=86_400)
    watchdog_grace_seconds: float = Field(default=120, ge=0, le=86_400)

    # The one thing that the pager does by itself: have an assistant restarted whose memory stays high.
    remediation: Literal["off", "dry-run", "on"] = "dry-run"
    remediation_after_seconds: float = Field(default=60, ge=1, le=86_400)
    remediation_every_seconds: float = Field(default=600, ge=1, le=86_400)
    assistant_url: str = "http://127.0.0.1:5001"
    admin_token_file: Path | None = None

"""The pager's settings, from its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class PagerSettings(BaseSettings):
    """Settings of the pager; each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(extra="ignore")

    # It may contain a password.
    database_url: str = Field(default="sqlite:////var/lib/pager/pager.db", repr=False)
    # The address for browsers; a metric exports it for the links of dashboards. Empty: no links.
    pager_url: str = ""
    # Grafana's address for browsers, for the links to logs; none without.
    grafana_url: str = ""
    runbooks_dir: Path = Path("/etc/lab/runbooks")
    # Bytes of one notification. Twenty alerts with all their links (Alertmanager's max_alerts) are about 50 KiB.
    max_notification_bytes: int = Field(default=256 * 1024, ge=1024)
    # Address and port of the mail server; none without.
    smtp_listen: str = Field(default="", pattern=r"^(.+:\d{1,5})?$")
    # Resolved incidents that are kept; open ones are always kept.
    max_resolved: int = Field(default=500, ge=1)

    rotation_file: Path = Path("/etc/lab/oncall/rotation.yml")
    # A page without an acknowledgement within this time escalates.
    escalate_seconds: float = Field(default=120, ge=1, le=86_400)

    alertmanager_url: str = "http://127.0.0.1:9093"
    # An incident is resolved when Alertmanager has not had its alert for so long.
    stale_alert_seconds: float = Field(default=60, ge=1, le=86_400)
    # The dead man's switch: maximum age of a heartbeat, and grace period after the pager's start.
    watchdog_silence_seconds: float = Field(default=60, ge=1, le=86_400)
    watchdog_grace_seconds: float = Field(default=120, ge=0, le=86_400)

    # Auto-remediation: restart an assistant whose memory stays high.
    remediation: Literal["off", "dry-run", "on"] = "dry-run"
    remediation_after_seconds: float = Field(default=60, ge=1, le=86_400)
    remediation_every_seconds: float = Field(default=600, ge=1, le=86_400)
    assistant_url: str = "http://127.0.0.1:5001"
    admin_token_file: Path | None = None

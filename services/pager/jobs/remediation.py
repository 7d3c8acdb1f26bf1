"""Auto-remediation: restarts an assistant whose memory stays high.

Guards: off or dry run by default, once per incident, not while it is silenced, at most once in ten minutes across
restarts of the pager, and never two at once: the attempt is in the database before it acts.
"""

from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select, update

from services.pager.metrics import ACTION, PagerMetrics
from services.pager.model.database import Database
from services.pager.model.tables import Attempt, Incident
from services.pager.model.timeline import add_entry
from services.pager.settings import PagerSettings
from services.telemetry import Telemetry
from services.web.times import format_rfc3339

ALERT = "MemoryHigh"
SERVICE = "assistant"
SECONDS = 5.0
_STARTED = "started"


class Assistant:
    """The assistant's admin API."""

    def __init__(self, url: str, token_file: Path | None, telemetry: Telemetry) -> None:
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        telemetry.instrument_httpx(self._client)
        self._token_file = token_file

    def restart(self) -> str | None:
        """Request a restart; return the reason of a failure, None when it restarts."""
        try:
            # Read each time: it may be renewed while the pager runs.
            token = self._token_file.read_text(encoding="utf-8").strip() if self._token_file else ""
            answer = self._client.post("/admin/restart", headers={"Authorization": f"Bearer {token}"})
        except httpx.HTTPError as error:
            return f"the assistant cannot be reached ({type(error).__name__})"
        except (OSError, ValueError) as error:
            return f"the admin token cannot be used ({type(error).__name__})"
        return None if answer.is_success else f"the assistant refused with {answer.status_code}"


class Remediation:
    """A task: restarts the assistant for open incidents that are old enough."""

    def __init__(self, database: Database, metrics: PagerMetrics, settings: PagerSettings) -> None:
        self._database = database
        self._metrics = metrics
        self._assistant = Assistant(settings.assistant_url, settings.admin_token_file, metrics.telemetry)
        self._mode = settings.remediation
        self._after = timedelta(seconds=settings.remediation_after_seconds)
        self._every = timedelta(seconds=settings.remediation_every_seconds)
        self._fail_unfinished()

    def __call__(self, now: datetime) -> None:
        """Restart the assistant for each due incident, or record why not."""
        if self._mode == "off":
            return
        for incident in self._waiting(now):
            attempt = self._begin(incident.id, now)
            if attempt is not None:
                self._finish(attempt, incident.id, now, *self._restart())
            elif _result(incident) is None:  # the timeline lacks it
                text = f"Restart rate-limited: last one less than {self._every.total_seconds():.0f} s ago"
                self._finish(None, incident.id, now, "limited", text)

    def _restart(self) -> tuple[str, str]:
        """Restart the assistant, or pretend in a dry run; return the result for the metric, and its text."""
        if self._mode == "dry-run":
            return "dry_run", "Dry run (REMEDIATION=dry-run): would restart the assistant"
        reason = self._assistant.restart()
        if reason is None:
            return "done", "Restarted the assistant"
        return "failed", f"Restart of the assistant failed: {reason}"

    def _waiting(self, now: datetime) -> list[Incident]:
        """Return open incidents that are old enough and not remediated; a failed attempt is repeated."""
        query = select(Incident).where(
            Incident.alert == ALERT,
            Incident.service == SERVICE,
            Incident.resolved_at.is_(None),
            Incident.notified_at <= now - self._after,
            Incident.silence_until.is_(None),
        )
        again = (None, "failed", "limited", "dry_run" if self._mode == "on" else None)
        with self._database.read() as session:
            return [one for one in session.scalars(query) if _result(one) in again]

    def _begin(self, number: int, now: datetime) -> int | None:
        """Store the attempt before it acts; None when the last one is too recent."""
        with self._database.write() as session:
            last = session.scalar(select(func.max(Attempt.at)).where(Attempt.action == ACTION))
            # One in the future is recent, too: the time of day was set back.
            if last is not None and now - last < self._every:
                return None
            attempt = Attempt(action=ACTION, at=now, result=_STARTED, incident_id=number)
            session.add(attempt)
            session.flush()
            return attempt.id

    def _finish(self, attempt: int | None, number: int, now: datetime, result: str, text: str) -> None:
        with self._database.write() as session:
            if attempt is not None:
                session.execute(update(Attempt).where(Attempt.id == attempt).values(result=result))
            incident = session.get(Incident, number)
            if incident is None:
                return
            incident.remediation = {"action": ACTION, "result": result, "at": format_rfc3339(now), "text": text}
            add_entry(incident, now, "remediation", text, always=True)
        self._metrics.remediated(incident, result, text)

    def _fail_unfinished(self) -> None:
        """Mark attempts as failed whose pager was killed before the response; they count as attempts."""
        with self._database.read() as session:
            half_done = list(session.scalars(select(Attempt).where(Attempt.result == _STARTED)))
        for attempt in half_done:
            text = "Restart of the assistant failed: the pager stopped before the response"
            self._finish(attempt.id, attempt.incident_id, attempt.at, "failed", text)


def _result(incident: Incident) -> str | None:
    return incident.remediation["result"] if incident.remediation else None

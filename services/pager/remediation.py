"""The one thing that the pager does by itself: it has an assistant restarted whose memory stays high.

Guarded on every side: off unless somebody allows it (by default it only says what it would do), once an incident, not
while somebody has silenced it, at most once in ten minutes however often it is restarted itself, and never two at once:
what it is about to do stands in the database before it does it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select, update

from services.pager.database import Database
from services.pager.documents import rfc3339
from services.pager.instruments import ACTION, Instruments
from services.pager.tables import Attempt, Incident
from services.pager.timeline import note
from services.telemetry import Telemetry

ALERT = "MemoryHigh"
SERVICE = "assistant"
SECONDS = 5.0
_STARTED = "started"


@dataclass(frozen=True)
class Allowed:
    """What it may do."""

    mode: str  # on | dry-run | off
    after: timedelta
    every: timedelta


class Assistant:
    """The assistant's admin door."""

    def __init__(self, url: str, token_file: Path | None, telemetry: Telemetry) -> None:
        self._client = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)
        telemetry.instrument_httpx(self._client)
        self._token_file = token_file

    def restart(self) -> str | None:
        """Ask it to restart; return why it did not, None when it does."""
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
    """What the clock does: looks for an incident that has waited long enough."""

    def __init__(self, database: Database, assistant: Assistant, instruments: Instruments, allowed: Allowed) -> None:
        self._database = database
        self._assistant = assistant
        self._instruments = instruments
        self._allowed = allowed
        self._forget_half_done()

    def __call__(self, now: datetime) -> None:
        """Do what is due."""
        if self._allowed.mode == "off":
            return
        for incident in self._waiting(now):
            attempt = self._begin(incident.id, now)
            if attempt is None:
                self._limited(incident, now)
            elif self._allowed.mode == "dry-run":
                text = "Would ask the assistant to restart itself (REMEDIATION=dry-run); nothing was done"
                self._finish(attempt, incident.id, now, "dry_run", text)
            else:
                self._restart(attempt, incident.id, now)

    def _restart(self, attempt: int, number: int, now: datetime) -> None:
        why_not = self._assistant.restart()
        if why_not is None:
            self._finish(attempt, number, now, "done", "Asked the assistant to restart itself; it does")
        else:
            self._finish(attempt, number, now, "failed", f"Asked the assistant to restart itself, but {why_not}")

    def _waiting(self, now: datetime) -> list[Incident]:
        """Open incidents that have waited and for which nothing was done; what failed may be tried again."""
        query = select(Incident).where(
            Incident.alert == ALERT,
            Incident.service == SERVICE,
            Incident.resolved_at.is_(None),
            Incident.notified_at <= now - self._allowed.after,
            Incident.silence_until.is_(None),
        )
        again = (None, "failed", "limited", "dry_run" if self._allowed.mode == "on" else None)
        with self._database.read() as session:
            return [one for one in session.scalars(query) if _result(one) in again]

    def _limited(self, incident: Incident, now: datetime) -> None:
        if _result(incident) is not None:
            return  # it was told before
        seconds = self._allowed.every.total_seconds()
        text = f"Waits with the restart of the assistant: there was one less than {seconds:.0f} s ago"
        self._finish(None, incident.id, now, "limited", text)

    def _begin(self, number: int, now: datetime) -> int | None:
        """Write down what is about to be done, before it is done; None when the last time is too near."""
        with self._database.write() as session:
            last = session.scalar(select(func.max(Attempt.at)).where(Attempt.action == ACTION))
            # One in the future is near, too: the time of day was set back.
            if last is not None and now - last < self._allowed.every:
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
            incident.remediation = {"action": ACTION, "result": result, "at": rfc3339(now), "text": text}
            note(incident, now, "remediation", text, always=True)
        self._instruments.remediated(incident, result, text)

    def _forget_half_done(self) -> None:
        """A pager that was killed while it asked does not know what came of it; it counts as an attempt."""
        with self._database.read() as session:
            half_done = list(session.scalars(select(Attempt).where(Attempt.result == _STARTED)))
        for attempt in half_done:
            text = "Asked the assistant to restart itself, but the pager was stopped before it had the answer"
            self._finish(attempt.id, attempt.incident_id, attempt.at, "failed", text)


def _result(incident: Incident) -> str | None:
    return incident.remediation["result"] if incident.remediation else None

"""Threads of mails: which incident a mail belongs to, by the Message-Ids that it answers."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, select

from services.pager.model.database import Database
from services.pager.model.tables import Incident, Mail

# Mails of which the Message-Id is stored; the oldest are deleted.
MAX_MAILS = 10_000


class MailThreads:
    """The Message-Ids of stored mails, in the database, so that a restart keeps them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, message_id: str, incident: Incident) -> None:
        """Store that a mail belongs to an incident."""
        with self._database.write() as session:
            known = session.scalar(select(Mail).where(Mail.message_id == message_id))
            if known is not None:
                known.incident_id = incident.id
                return
            session.add(Mail(message_id=message_id, incident_id=incident.id, at=datetime.now(UTC)))
            session.flush()
            newest = select(func.max(Mail.id)).scalar_subquery()
            session.execute(delete(Mail).where(Mail.id <= newest - MAX_MAILS))

    def find(self, message_ids: Sequence[str]) -> Incident | None:
        """Return the incident of the first Message-Id that is stored; None without one."""
        with self._database.read() as session:
            stored = select(Mail.message_id, Mail.incident_id).where(Mail.message_id.in_(message_ids))
            known = {row.message_id: row.incident_id for row in session.execute(stored)}
            number = next((known[one] for one in message_ids if one in known), None)
            return None if number is None else session.get(Incident, number)

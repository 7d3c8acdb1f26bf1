"""Data retention: deletes conversations some hours after their last turn, in short transactions."""

import threading
from datetime import UTC, datetime, timedelta

from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.assistant.storage.database import Database, DatabaseUnavailableError
from services.assistant.storage.tables import ConversationRow, FeedbackRow, TurnRow
from services.telemetry import Telemetry

SWEEP_SECONDS = 600.0
# Conversations per transaction. It takes a few milliseconds, in which SQLite allows no other writer.
STEP = 100


def start(database: Database, telemetry: Telemetry, hours: float, stop: threading.Event) -> None:
    """Delete expired conversations every SWEEP_SECONDS in a thread.

    Args:
        database: of the assistant.
        telemetry: logs each sweep.
        hours: how long a conversation is kept after its last turn.
        stop: ends the thread when set.
    """

    def loop() -> None:
        while not stop.wait(SWEEP_SECONDS):
            try:
                # A trace for each sweep would be noise.
                with suppress_instrumentation():
                    deleted = delete_expired(database, datetime.now(UTC) - timedelta(hours=hours), stop)
            except DatabaseUnavailableError:
                continue
            except Exception as error:  # the next sweep may succeed
                telemetry.exception("old conversations could not be deleted", error)
                continue
            telemetry.log(
                "application",
                "conversations.deleted",
                "old conversations deleted",
                logger="assistant.retention",
                conversations=deleted,
            )

    threading.Thread(target=loop, name="retention", daemon=True).start()


def delete_expired(database: Database, before: datetime, stop: threading.Event) -> int:
    """Delete conversations without a turn since `before` and return their number. Stops early when `stop` is set.

    Raises:
        DatabaseUnavailableError: the database did not answer in time.
    """
    total = 0
    while not stop.is_set():
        with database.write() as session:
            ids = _find_expired(session, before)
            session.execute(delete(FeedbackRow).where(FeedbackRow.conversation_id.in_(ids)))
            session.execute(delete(TurnRow).where(TurnRow.conversation_id.in_(ids)))
            session.execute(delete(ConversationRow).where(ConversationRow.id.in_(ids)))
        total += len(ids)
        if len(ids) < STEP:
            break
    return total


def _find_expired(session: Session, before: datetime) -> list[str]:
    later_turn = select(TurnRow.id).where(TurnRow.conversation_id == ConversationRow.id, TurnRow.created_at >= before)
    query = (
        select(ConversationRow.id)
        .where(ConversationRow.created_at < before, ~later_turn.exists())
        .order_by(ConversationRow.created_at)
        .limit(STEP)
    )
    return list(session.scalars(query))

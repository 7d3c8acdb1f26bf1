"""Step 1 of a chat: read the conversation (span `retrieve`)."""

import uuid

from opentelemetry.trace import Tracer
from sqlalchemy import select

from services.assistant.appointments.business import Directory
from services.assistant.conversation.turn import Conversation, UserMessage
from services.assistant.storage.database import Database
from services.assistant.storage.tables import ConversationRow, TurnRow, new_id
from services.telemetry import names

# Number of earlier turns that are sent to the model again.
RECENT_TURNS = 12


class UnknownConversationError(Exception):
    """There is no such conversation of this user."""


def retrieve(database: Database, directory: Directory, tracer: Tracer, message: UserMessage) -> Conversation:
    """Read the conversation of a message with its last RECENT_TURNS turns, or begin one.

    The business of the message replaces that of the last turn. A guest has a random user id.

    Args:
        database, tracer: of the assistant.
        directory: finds the business of the last turn.
        message: names the conversation, the user and the business.

    Raises:
        UnknownConversationError: there is no such conversation of this user.
        DatabaseUnavailableError: the database did not answer in time.
    """
    with tracer.start_as_current_span(names.SPAN_RETRIEVE) as span:
        if message.conversation_id is None:
            user_id = message.user_id or f"guest-{uuid.uuid4().hex[:12]}"
            return Conversation(new_id(), user_id, is_new=True, business=message.business)
        conversation = _load(database, directory, message.conversation_id, message.user_id)
        conversation.business = message.business or conversation.business
        span.set_attribute("lab.conversation.messages", len(conversation.messages))
        return conversation


def _load(database: Database, directory: Directory, conversation_id: str, user_id: str | None) -> Conversation:
    query = (
        select(ConversationRow.user_id, TurnRow)
        .outerjoin(TurnRow, TurnRow.conversation_id == ConversationRow.id)
        .where(ConversationRow.id == conversation_id)
        .order_by(TurnRow.created_at.desc())
        .limit(RECENT_TURNS)
    )
    with database.read() as session:
        rows = session.execute(query).all()
    # Another user's conversation gets the same error as an unknown one.
    if not rows or user_id not in (None, rows[0][0]):
        raise UnknownConversationError
    turns: list[TurnRow] = [turn for _, turn in reversed(rows) if turn is not None]
    latest = turns[-1] if turns else None
    return Conversation(
        conversation_id,
        user_id=rows[0][0],
        is_new=False,
        messages=[message for turn in turns for message in turn.messages],
        business=directory.get(latest.business_id) if latest else None,
        booked=any(turn.booked for turn in turns),
        handed_over=any(turn.handoff for turn in turns),
        failed_before=latest is not None and latest.outcome == "fallback",
    )

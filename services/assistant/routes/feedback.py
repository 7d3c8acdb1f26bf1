"""POST /feedback: one to five stars."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from sqlalchemy.orm import Session

from services.assistant.app_state import current
from services.assistant.routes.schemas import Created, FeedbackRequest
from services.assistant.storage.tables import ConversationRow, FeedbackRow, TurnRow
from services.web.openapi import problem_responses
from services.web.problems import Problem

blueprint = APIBlueprint("feedback", __name__)


@blueprint.post("/feedback", summary="Rate an answer", responses={201: Created, **problem_responses(404, 503)})
def feedback(body: FeedbackRequest) -> tuple[dict[str, Any], int]:
    """Store a rating. The comment stays in the database; signals have its length only."""
    assistant = current()
    row = FeedbackRow(turn_id=body.message_id, stars=body.stars, comment=body.comment)
    with assistant.database.write() as session:
        row.conversation_id = _find_conversation(session, body)
        session.add(row)
    assistant.telemetry.inc(assistant.metrics.feedback, stars=str(body.stars))
    assistant.telemetry.log(
        "application",
        "feedback.given",
        "feedback given",
        logger="assistant.feedback",
        stars=body.stars,
        comment_length=len(body.comment or ""),
        conversation_id=row.conversation_id,
    )
    return {"id": row.id}, 201


def _find_conversation(session: Session, body: FeedbackRequest) -> str:
    """Return the id of the rated conversation.

    Raises:
        Problem: 404 for an unknown message or conversation.
    """
    if body.message_id is not None:
        turn = session.get(TurnRow, body.message_id)
        if turn is None or body.conversation_id not in (None, turn.conversation_id):
            raise Problem(404, "Unknown message", "There is no answer with this message_id in this conversation.")
        return turn.conversation_id
    conversation = session.get(ConversationRow, body.conversation_id)
    if conversation is None:
        raise Problem(404, "Unknown conversation", "There is no conversation with this conversation_id.")
    return conversation.id

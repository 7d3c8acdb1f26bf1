"""POST /feedback: one to five stars."""

import uuid
from datetime import UTC, datetime
from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.assistant.app_state import current
from services.assistant.routes.schemas import Created, FeedbackRequest
from services.assistant.storage.tables import ConversationRow, FeedbackRow, TurnRow
from services.web.openapi import problem_responses
from services.web.problems import Problem

blueprint = APIBlueprint("feedback", __name__)


@blueprint.post("/feedback", summary="Rate an answer", responses={201: Created, **problem_responses(404, 503)})
def feedback(body: FeedbackRequest) -> tuple[dict[str, Any], int]:
    """Keep a rating. The comment stays in the database; signals carry its length only."""
    assistant = current()
    row = {
        "id": str(uuid.uuid4()),
        "turn_id": body.message_id,
        "stars": body.stars,
        "comment": body.comment,
        "created_at": datetime.now(UTC),
    }
    with assistant.database.write() as session:
        row["conversation_id"] = _conversation(session, body)
        session.execute(insert(FeedbackRow), row)
    assistant.telemetry.inc(assistant.metrics.feedback, stars=str(body.stars))
    assistant.telemetry.log(
        "application",
        "feedback.given",
        "feedback given",
        logger="assistant.feedback",
        stars=body.stars,
        comment_length=len(body.comment or ""),
        conversation_id=row["conversation_id"],
    )
    return {"id": row["id"]}, 201


def _conversation(session: Session, body: FeedbackRequest) -> str:
    """Return the conversation that is rated. Raises a 404 problem."""
    if body.message_id is not None:
        found = session.scalar(select(TurnRow.conversation_id).where(TurnRow.id == body.message_id))
        if found is None or body.conversation_id not in (None, found):
            raise Problem(404, "Unknown message", "There is no answer with this message_id in this conversation.")
        return found
    found = session.scalar(select(ConversationRow.id).where(ConversationRow.id == body.conversation_id))
    if found is None:
        raise Problem(404, "Unknown conversation", "There is no conversation with this conversation_id.")
    return found

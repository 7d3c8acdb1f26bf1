"""POST /chat."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from services.assistant.app_state import current
from services.assistant.conversation.retrieve import UnknownConversationError
from services.assistant.conversation.turn import UserMessage
from services.assistant.routes.schemas import ChatRequest, ChatResponse
from services.web.openapi import problem_responses
from services.web.problems import Problem

blueprint = APIBlueprint("chat", __name__)


@blueprint.post(
    "/chat",
    summary="Say something to the assistant",
    responses={200: ChatResponse, **problem_responses(404, 503)},
)
def chat(body: ChatRequest) -> dict[str, Any]:
    """Answer a message; without conversation_id a new conversation begins."""
    assistant = current()
    business = assistant.business(body.business_id) if body.business_id else None
    try:
        turn = assistant.chat.answer(UserMessage(body.message, body.conversation_id, business, body.user_id))
    except UnknownConversationError:
        detail = "There is no such conversation of this user; leave conversation_id out to begin one."
        raise Problem(404, "Unknown conversation", detail) from None
    return {
        "conversation_id": turn.conversation.id,
        "message_id": turn.id,
        "reply": turn.reply,
        "outcome": turn.outcome,
        "handoff": turn.handoff is not None,
        "appointment": turn.appointment.as_named_json() if turn.appointment else None,
        "model": turn.model,
        "usage": {"input_tokens": turn.input_tokens, "output_tokens": turn.output_tokens},
        "trace_id": assistant.telemetry.current_trace_id(),
    }

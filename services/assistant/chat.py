"""One turn of a conversation: retrieve what is known, let the model decide, run its tools, store what was said."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from sqlalchemy import insert, select

from services.assistant import fallback
from services.assistant.completions import Completion
from services.assistant.database import Database
from services.assistant.directory import Business, Directory
from services.assistant.instruments import Instruments
from services.assistant.model_client import ModelClient, ModelUnavailableError
from services.assistant.prompt import system_prompt
from services.assistant.tables import ConversationRow, TurnRow
from services.assistant.tool_arguments import DEFINITIONS
from services.assistant.tools import Toolbox, Turn
from services.telemetry import Telemetry, names

# How often the model may ask for tools before it counts as going round in circles.
MAX_ROUNDS = 6
# How many earlier turns are sent to the model again.
RECENT_TURNS = 12
_LOGGER = "assistant.chat"


class UnknownConversationError(Exception):
    """There is no such conversation of this user."""


@dataclass
class Conversation:
    """A conversation as far as it has come."""

    id: str
    user_id: str
    is_new: bool
    messages: list[dict[str, Any]] = field(default_factory=list)
    business: Business | None = None
    booked: bool = False
    handed_over: bool = False
    failed_before: bool = False  # the last turn was answered without the model


@dataclass
class Answer:
    """What the user gets."""

    conversation_id: str
    message_id: str
    reply: str
    outcome: str
    model: str
    business: Business | None
    handoff: str | None
    appointment: dict[str, Any] | None
    input_tokens: int = 0
    output_tokens: int = 0


class Chat:
    """Answers messages."""

    def __init__(
        self,
        database: Database,
        model: ModelClient,
        toolbox: Toolbox,
        *,
        instruments: Instruments,
        telemetry: Telemetry,
        model_name: str,
    ) -> None:
        self._database = database
        self._model = model
        self._toolbox = toolbox
        self._instruments = instruments
        self._telemetry = telemetry
        self._model_name = model_name

    def answer(
        self,
        message: str,
        directory: Directory,
        conversation_id: str | None = None,
        business: Business | None = None,
        user_id: str | None = None,
    ) -> Answer:
        """Answer one message. Raises UnknownConversationError, DatabaseUnavailableError."""
        conversation = self._retrieve(directory, conversation_id, business, user_id)
        self._telemetry.bind(
            business_id=conversation.business.id if conversation.business else None, user_id=conversation.user_id
        )
        turn = Turn(id=str(uuid.uuid4()), user_id=conversation.user_id, business=conversation.business)
        said: list[dict[str, Any]] = [{"role": "user", "content": message}]
        answer = Answer(
            conversation.id, turn.id, "", "ok", self._model_name, conversation.business, handoff=None, appointment=None
        )
        try:
            answer.reply = self._converse(conversation, turn, said, answer)
        except ModelUnavailableError as error:
            self._fall_back(error, conversation, turn, answer)
        said.append({"role": "assistant", "content": answer.reply})
        answer.handoff = turn.handoff
        answer.business = turn.business
        answer.appointment = _appointment(turn)
        self._store(conversation, turn, said, answer)
        self._report(conversation, turn, answer, len(message))
        return answer

    def _retrieve(
        self, directory: Directory, conversation_id: str | None, business: Business | None, user_id: str | None
    ) -> Conversation:
        with self._telemetry.tracer.start_as_current_span(names.SPAN_RETRIEVE) as span:
            if conversation_id is None:
                user = user_id or f"guest-{uuid.uuid4().hex[:12]}"
                return Conversation(str(uuid.uuid4()), user, is_new=True, business=business)
            conversation = self._load(directory, conversation_id, user_id)
            conversation.business = business or conversation.business
            span.set_attribute("lab.conversation.messages", len(conversation.messages))
            return conversation

    def _load(self, directory: Directory, conversation_id: str, user_id: str | None) -> Conversation:
        query = (
            select(ConversationRow.user_id, TurnRow)
            .outerjoin(TurnRow, TurnRow.conversation_id == ConversationRow.id)
            .where(ConversationRow.id == conversation_id)
            .order_by(TurnRow.created_at.desc())
            .limit(RECENT_TURNS)
        )
        with self._database.read() as session:
            rows = session.execute(query).all()
        # Somebody else's conversation is answered like one that is not there.
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

    def _converse(self, conversation: Conversation, turn: Turn, said: list[dict[str, Any]], answer: Answer) -> str:
        """Let the model and its tools take turns until the model has said something to the user."""
        for number in range(MAX_ROUNDS):
            with self._telemetry.tracer.start_as_current_span(names.SPAN_DECIDE) as span:
                span.set_attribute("lab.round", number + 1)
                completion = self._ask(conversation, turn, said, answer)
                if not completion.tool_calls:
                    return completion.text
                said.append(completion.as_message())
                for call in completion.tool_calls:
                    result = self._toolbox.run(call.name, call.arguments, turn, call.id)
                    said.append({"role": "tool", "tool_call_id": call.id, "content": result})
        turn.handoff = "confused"
        return fallback.confused()

    def _ask(self, conversation: Conversation, turn: Turn, said: list[dict[str, Any]], answer: Answer) -> Completion:
        system = {"role": "system", "content": system_prompt(turn.business)}
        completion = self._model.complete(
            [system, *conversation.messages, *said], DEFINITIONS, conversation_id=conversation.id
        )
        answer.model = completion.model or answer.model
        answer.input_tokens += completion.input_tokens
        answer.output_tokens += completion.output_tokens
        return completion

    def _fall_back(self, error: ModelUnavailableError, conversation: Conversation, turn: Turn, answer: Answer) -> None:
        """Answer without the model, visibly."""
        chosen = fallback.fallback(turn, conversation.failed_before)
        answer.reply, answer.outcome = chosen.reply, "fallback"
        if chosen.handoff:
            turn.handoff = "error"
        self._telemetry.inc(self._instruments.fallbacks, reason=error.reason)
        trace.get_current_span().add_event(
            "fallback", {"lab.fallback.reason": error.reason, "lab.handoff": chosen.handoff}
        )
        trace.get_current_span().set_attribute("lab.outcome", "fallback")
        self._telemetry.log(
            "error",
            "chat.fallback",
            f"answered without the model: {error.reason}",
            level="error",
            logger=_LOGGER,
            reason=error.reason,
            error_type=error.detail,
            handoff=chosen.handoff,
        )

    def _store(self, conversation: Conversation, turn: Turn, said: list[dict[str, Any]], answer: Answer) -> None:
        now = datetime.now(UTC)
        with self._database.write() as session:
            if conversation.is_new:
                row = {"id": conversation.id, "user_id": conversation.user_id, "created_at": now}
                session.execute(insert(ConversationRow), row)
            session.execute(
                insert(TurnRow),
                {
                    "id": turn.id,
                    "conversation_id": conversation.id,
                    "business_id": turn.business.id if turn.business else None,
                    "messages": said,
                    "outcome": answer.outcome,
                    "booked": turn.action == "booked",
                    "handoff": turn.handoff,
                    "model": answer.model[:120],
                    "input_tokens": answer.input_tokens,
                    "output_tokens": answer.output_tokens,
                    "created_at": now,
                },
            )

    def _report(self, conversation: Conversation, turn: Turn, answer: Answer, input_length: int) -> None:
        """Count the conversation's steps and log the turn; of what was said only the length."""
        if turn.business and turn.business is not conversation.business:
            self._telemetry.bind(business_id=turn.business.id)
        if conversation.is_new:
            self._instruments.conversation("started", turn.business)
        if turn.action == "booked" and not conversation.booked:
            self._instruments.conversation("booked", turn.business)
        if turn.handoff:
            self._telemetry.inc(self._instruments.handoffs, reason=turn.handoff)
            if not conversation.handed_over:
                self._instruments.conversation("handed_over", turn.business)
        self._telemetry.log(
            "application",
            "chat.answered",
            "message answered",
            logger=_LOGGER,
            conversation_id=conversation.id,
            message_id=turn.id,
            outcome=answer.outcome,
            input_length=input_length,
            output_length=len(answer.reply),
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            model=answer.model,
            tools=",".join(turn.used) or None,
            handoff=turn.handoff,
        )


def _appointment(turn: Turn) -> dict[str, Any] | None:
    if turn.appointment is None:
        return None
    name = turn.business.name if turn.business else None
    return {**turn.appointment.as_json(), "business": name}

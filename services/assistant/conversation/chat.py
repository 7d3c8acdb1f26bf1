"""One chat: retrieve the conversation, let the model decide, store the turn, record it."""

import uuid
from datetime import UTC, datetime

from opentelemetry import trace
from sqlalchemy import insert

from services.assistant.appointments.business import Business, Directory
from services.assistant.conversation import fallback
from services.assistant.conversation.decide import decide
from services.assistant.conversation.retrieve import retrieve
from services.assistant.conversation.tools import Toolbox
from services.assistant.conversation.turn import Answer, Conversation, Turn
from services.assistant.llm.client import ModelClient, ModelUnavailableError
from services.assistant.metrics import AssistantMetrics
from services.assistant.storage.database import Database
from services.assistant.storage.tables import ConversationRow, TurnRow
from services.telemetry import Telemetry

_LOGGER = "assistant.chat"


class Chat:
    """Answers messages."""

    def __init__(
        self,
        database: Database,
        model: ModelClient,
        toolbox: Toolbox,
        *,
        metrics: AssistantMetrics,
        telemetry: Telemetry,
        model_name: str,
    ) -> None:
        self._database = database
        self._model = model
        self._toolbox = toolbox
        self._metrics = metrics
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
        """Answer one message and store the turn.

        Args:
            conversation_id, business, user_id: see `retrieve`.

        Raises:
            UnknownConversationError: there is no such conversation of this user.
            DatabaseUnavailableError: the database did not answer.
        """
        telemetry = self._telemetry
        conversation = retrieve(
            self._database,
            telemetry.tracer,
            directory,
            conversation_id=conversation_id,
            business=business,
            user_id=user_id,
        )
        turn = Turn(str(uuid.uuid4()), conversation.user_id, conversation.business)
        telemetry.bind(business_id=turn.business.id if turn.business else None, user_id=turn.user_id)
        turn.messages.append({"role": "user", "content": message})
        answer = Answer(conversation.id, turn.id, self._model_name)
        try:
            answer.reply = decide(
                self._model, self._toolbox, telemetry.tracer, conversation=conversation, turn=turn, answer=answer
            )
        except ModelUnavailableError as error:
            self._fall_back(error, conversation, turn, answer)
        turn.messages.append({"role": "assistant", "content": answer.reply})
        answer.handoff = turn.handoff
        answer.business = turn.business
        answer.appointment = turn.appointment.as_named_json() if turn.appointment else None
        self._store(conversation, turn, answer)
        self._record(conversation, turn, answer, len(message))
        return answer

    def _fall_back(self, error: ModelUnavailableError, conversation: Conversation, turn: Turn, answer: Answer) -> None:
        """Answer without the model, and show that in all three signals."""
        chosen = fallback.fallback(turn, conversation.failed_before)
        answer.reply, answer.outcome = chosen.reply, "fallback"
        if chosen.handoff:
            turn.handoff = "error"
        self._telemetry.inc(self._metrics.fallbacks, reason=error.reason)
        span = trace.get_current_span()
        span.add_event("fallback", {"lab.fallback.reason": error.reason, "lab.handoff": chosen.handoff})
        span.set_attribute("lab.outcome", "fallback")
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

    def _store(self, conversation: Conversation, turn: Turn, answer: Answer) -> None:
        now = datetime.now(UTC)
        row = {
            "id": turn.id,
            "conversation_id": conversation.id,
            "business_id": turn.business.id if turn.business else None,
            "messages": turn.messages,
            "outcome": answer.outcome,
            "booked": turn.action == "booked",
            "handoff": turn.handoff,
            "model": answer.model[:120],
            "input_tokens": answer.input_tokens,
            "output_tokens": answer.output_tokens,
            "created_at": now,
        }
        with self._database.write() as session:
            if conversation.is_new:
                new = {"id": conversation.id, "user_id": conversation.user_id, "created_at": now}
                session.execute(insert(ConversationRow), new)
            session.execute(insert(TurnRow), row)

    def _record(self, conversation: Conversation, turn: Turn, answer: Answer, input_length: int) -> None:
        """Count the conversation's steps and log the turn; of the text only its length."""
        self._telemetry.bind(business_id=turn.business.id if turn.business else None, outcome=answer.outcome)
        if conversation.is_new:
            self._metrics.conversation("started", turn.business)
        if turn.action == "booked" and not conversation.booked:
            self._metrics.conversation("booked", turn.business)
        if turn.handoff:
            self._telemetry.inc(self._metrics.handoffs, reason=turn.handoff)
            if not conversation.handed_over:
                self._metrics.conversation("handed_over", turn.business)
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
            tools=",".join(turn.tools) or None,
            handoff=turn.handoff,
        )

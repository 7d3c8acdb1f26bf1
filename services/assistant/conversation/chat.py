"""One chat: retrieve the conversation, let the model decide, store the turn, record it."""

from opentelemetry import trace
from sqlalchemy import insert

from services.assistant.appointments.business import Directory
from services.assistant.conversation.decide import decide
from services.assistant.conversation.fallback import fall_back
from services.assistant.conversation.retrieve import retrieve
from services.assistant.conversation.tools import Toolbox
from services.assistant.conversation.turn import Turn, UserMessage
from services.assistant.llm.client import ModelClient, ModelUnavailableError
from services.assistant.metrics import AssistantMetrics
from services.assistant.storage.database import Database
from services.assistant.storage.tables import ConversationRow, TurnRow
from services.telemetry import Telemetry

_LOGGER = "assistant.chat"


class Chat:
    """Answers messages of users."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        model: ModelClient,
        toolbox: Toolbox,
        *,
        metrics: AssistantMetrics,
        telemetry: Telemetry,
    ) -> None:
        self._database = database
        self._directory = directory
        self._model = model
        self._toolbox = toolbox
        self._metrics = metrics
        self._telemetry = telemetry

    def answer(self, message: UserMessage) -> Turn:
        """Answer one message, store the turn and return it.

        Raises:
            UnknownConversationError: there is no such conversation of this user.
            DatabaseUnavailableError: the database did not answer in time.
        """
        tracer = self._telemetry.tracer
        self._directory.check_loaded()
        conversation = retrieve(self._database, self._directory, tracer, message)
        turn = Turn(conversation, self._model.name, conversation.business)
        self._telemetry.bind(business_id=turn.business_id, user_id=turn.user_id)
        turn.messages.append({"role": "user", "content": message.text})
        try:
            decide(self._model, self._toolbox, tracer, turn)
        except ModelUnavailableError as error:
            self._fall_back(error, turn)
        turn.messages.append({"role": "assistant", "content": turn.reply})
        self._store(turn)
        self._record(turn, len(message.text))
        return turn

    def _fall_back(self, error: ModelUnavailableError, turn: Turn) -> None:
        """Reply without the model, and show that in all three signals."""
        fall_back(turn)
        handoff = turn.handoff == "error"
        self._telemetry.inc(self._metrics.fallbacks, reason=error.reason)
        span = trace.get_current_span()
        span.add_event("fallback", {"lab.fallback.reason": error.reason, "lab.handoff": handoff})
        span.set_attribute("lab.outcome", "fallback")
        self._telemetry.log(
            "error",
            "chat.fallback",
            f"answered without the model: {error.reason}",
            level="error",
            logger=_LOGGER,
            reason=error.reason,
            error_type=error.detail,
            handoff=handoff,
        )

    def _store(self, turn: Turn) -> None:
        conversation = turn.conversation
        with self._database.write() as session:
            if conversation.is_new:
                session.execute(insert(ConversationRow), {"id": conversation.id, "user_id": conversation.user_id})
            session.add(
                TurnRow(
                    id=turn.id,
                    conversation_id=conversation.id,
                    business_id=turn.business_id,
                    messages=turn.messages,
                    outcome=turn.outcome,
                    booked=turn.action == "booked",
                    handoff=turn.handoff,
                    model=turn.model[:120],
                    input_tokens=turn.input_tokens,
                    output_tokens=turn.output_tokens,
                )
            )

    def _record(self, turn: Turn, input_length: int) -> None:
        """Count the conversation's steps and log the turn; of the text only its length."""
        conversation = turn.conversation
        self._telemetry.bind(business_id=turn.business_id, outcome=turn.outcome)
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
            outcome=turn.outcome,
            input_length=input_length,
            output_length=len(turn.reply),
            input_tokens=turn.input_tokens,
            output_tokens=turn.output_tokens,
            model=turn.model,
            tools=",".join(turn.tools) or None,
            handoff=turn.handoff,
        )

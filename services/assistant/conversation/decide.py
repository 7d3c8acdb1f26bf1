"""Step 2 of a chat: the model decides, its tools run, until it has a reply (span `decide`, one per round)."""

from opentelemetry.trace import Tracer

from services.assistant.conversation import fallback
from services.assistant.conversation.prompt import system_prompt
from services.assistant.conversation.tool_schemas import DEFINITIONS
from services.assistant.conversation.tools import Toolbox
from services.assistant.conversation.turn import Answer, Conversation, Turn
from services.assistant.llm.client import ModelClient
from services.assistant.llm.completion import Completion
from services.telemetry import names

# How often the model may call tools in one turn before the assistant hands over to a human.
MAX_ROUNDS = 6


def decide(
    model: ModelClient, toolbox: Toolbox, tracer: Tracer, *, conversation: Conversation, turn: Turn, answer: Answer
) -> str:
    """Call the model and its tools in turns, and return the reply.

    Messages are added to `turn.messages`, tokens and the model's name to `answer`.

    Raises:
        ModelUnavailableError: no answer within the request's budget.
        DatabaseUnavailableError: a tool could not reach the database.
    """
    for number in range(MAX_ROUNDS):
        with tracer.start_as_current_span(names.SPAN_DECIDE) as span:
            span.set_attribute("lab.round", number + 1)
            completion = _call_model(model, conversation, turn, answer)
            if not completion.tool_calls:
                return completion.text
            turn.messages.append(completion.as_message())
            for call in completion.tool_calls:
                result = toolbox.run(call.name, call.arguments, turn, call.id)
                turn.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    turn.handoff = "confused"
    return fallback.confused()


def _call_model(model: ModelClient, conversation: Conversation, turn: Turn, answer: Answer) -> Completion:
    system = {"role": "system", "content": system_prompt(turn.business)}
    messages = [system, *conversation.messages, *turn.messages]
    completion = model.complete(messages, DEFINITIONS, conversation_id=conversation.id)
    answer.model = completion.model or answer.model
    answer.input_tokens += completion.input_tokens
    answer.output_tokens += completion.output_tokens
    return completion

"""Step 2 of a chat: the model decides, its tools run, until it has a reply (span `decide`, one per round)."""

from opentelemetry.trace import Tracer

from services.assistant.conversation.fallback import CONFUSED
from services.assistant.conversation.prompt import system_prompt
from services.assistant.conversation.tool_schemas import DEFINITIONS
from services.assistant.conversation.tools import Toolbox
from services.assistant.conversation.turn import Turn
from services.assistant.llm.client import ModelClient
from services.assistant.llm.completion import Completion
from services.telemetry import names

# How often the model may call tools in one turn before the assistant hands over to a human.
MAX_ROUNDS = 6


def decide(model: ModelClient, toolbox: Toolbox, tracer: Tracer, turn: Turn) -> None:
    """Call the model and its tools in turns until there is a reply.

    Args:
        model, toolbox, tracer: of the assistant.
        turn: gets the messages, the reply, the tokens and the model's name.

    Raises:
        ModelUnavailableError: no answer within the request's budget.
        DatabaseUnavailableError: a tool could not reach the database.
    """
    for number in range(MAX_ROUNDS):
        with tracer.start_as_current_span(names.SPAN_DECIDE) as span:
            span.set_attribute("lab.round", number + 1)
            completion = _call_model(model, turn)
            if not completion.tool_calls:
                turn.reply = completion.text
                return
            turn.messages.append(completion.as_message())
            for call in completion.tool_calls:
                result = toolbox.run(call, turn)
                turn.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    turn.reply, turn.handoff = CONFUSED, "confused"


def _call_model(model: ModelClient, turn: Turn) -> Completion:
    system = {"role": "system", "content": system_prompt(turn.business)}
    messages = [system, *turn.conversation.messages, *turn.messages]
    completion = model.complete(messages, DEFINITIONS, conversation_id=turn.conversation.id)
    turn.model = completion.model or turn.model
    turn.input_tokens += completion.input_tokens
    turn.output_tokens += completion.output_tokens
    return completion

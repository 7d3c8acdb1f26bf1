"""Makes the answer to a request, and its document as the OpenAI API has it."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from services.model import tokens
from services.model.dialogue import Answer, Choice, ToolCall, fingerprint, respond
from services.model.wire import CompletionRequest, NamedChoice

FinishReason = Literal["stop", "length", "tool_calls"]
# Names what produced the answer; a client may compare it, for the same seed promises the same answer only with it.
SYSTEM_FINGERPRINT = "fp_lab_rules_1"


@dataclass(frozen=True)
class Completion:
    """An answer with its costs."""

    id: str
    created: int  # seconds since 1970
    model: str
    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    input_tokens: int
    output_tokens: int

    def usage(self) -> dict[str, Any]:
        """The usage object."""
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def head(self, kind: str) -> dict[str, Any]:
        """The members that an answer and each of its chunks share."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }

    def document(self) -> dict[str, Any]:
        """The whole answer."""
        content = self.text or (None if self.calls else "")
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if self.calls:
            message["tool_calls"] = [call_document(call) for call in self.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {**self.head("chat.completion"), "choices": [choice], "usage": self.usage()}


def call_document(call: ToolCall) -> dict[str, Any]:
    """A tool call as messages carry it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def complete(request: CompletionRequest, model: str, default_seed: int) -> Completion:
    """Return the answer. The same request gives the same answer, but for the time in `created`."""
    messages = [message.model_dump(exclude_none=True) for message in request.messages]
    tools = [tool.model_dump() for tool in request.tools or []]
    seed = default_seed if request.seed is None else request.seed
    answer = respond(messages, tools, seed=seed, choice=_choice(request))
    text, cut = _cut(answer.text, request.stops, request.limit)
    return Completion(
        id=f"chatcmpl-{fingerprint(messages, seed)[:29]}",
        created=int(time.time()),
        model=model,
        text=text,
        calls=answer.calls,
        finish_reason="length" if cut else _finish(request, answer),
        input_tokens=tokens.count_prompt(messages, tools),
        output_tokens=tokens.count(text) + sum(tokens.count_call(call.name, call.arguments) for call in answer.calls),
    )


def _choice(request: CompletionRequest) -> Choice:
    if isinstance(request.tool_choice, NamedChoice):
        return Choice("named", request.tool_choice.function.name)
    return Choice(request.tool_choice or "auto")


def _finish(request: CompletionRequest, answer: Answer) -> FinishReason:
    # A call that the client itself named ends with "stop", as it does in the original.
    return "tool_calls" if answer.calls and not isinstance(request.tool_choice, NamedChoice) else "stop"


def _cut(text: str, stops: list[str], limit: int | None) -> tuple[str, bool]:
    """End the text before a stop sequence or at the limit of tokens; return whether it was the limit."""
    for stop in stops:
        if stop:
            text = text.split(stop, 1)[0]
    pieces = tokens.split(text)
    if limit is not None and len(pieces) > limit:
        return "".join(pieces[:limit]), True
    return text, False

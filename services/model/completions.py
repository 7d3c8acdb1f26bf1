"""Completions: the response to a request, and its document in the OpenAI API."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from services.model import tokens
from services.model.dialogue import ToolCall, fingerprint, respond
from services.model.wire import CompletionRequest, NamedChoice

# Names the code behind the response: the same seed gives the same response only with the same fingerprint.
SYSTEM_FINGERPRINT = "fp_lab_rules_1"


@dataclass(frozen=True)
class Completion:
    """A response with its token counts."""

    id: str
    created: int  # seconds since 1970
    model: str
    text: str
    calls: tuple[ToolCall, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    input_tokens: int
    output_tokens: int

    def usage(self) -> dict[str, Any]:
        """Return the usage object."""
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def head(self, kind: str) -> dict[str, Any]:
        """Return the members that a response and each of its chunks share."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }

    def document(self) -> dict[str, Any]:
        """Return the whole response."""
        content = self.text or (None if self.calls else "")
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if self.calls:
            message["tool_calls"] = [call.document() for call in self.calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {**self.head("chat.completion"), "choices": [choice], "usage": self.usage()}


def complete(request: CompletionRequest, model: str, default_seed: int) -> Completion:
    """Return the response to a request. Equal requests get equal responses, except `created`.

    Args:
        request: the parsed body.
        model: the model's name.
        default_seed: for a request without a seed.
    """
    messages = [message.model_dump(exclude_none=True) for message in request.messages]
    tools = [tool.model_dump() for tool in request.tools or []]
    seed = default_seed if request.seed is None else request.seed
    named = request.tool_choice.function.name if isinstance(request.tool_choice, NamedChoice) else None
    offered = [tool for tool in tools if named in (None, tool["function"]["name"])]
    answer = respond(
        messages,
        offered if request.tool_choice != "none" else [],
        seed=seed,
        call_required=named is not None or request.tool_choice == "required",
    )
    text, is_cut = _cut(answer.text, request.stops, request.limit)
    # A call of the function that the client named ends with "stop", as OpenAI's does.
    reason: Literal["stop", "tool_calls"] = "tool_calls" if answer.calls and named is None else "stop"
    return Completion(
        id=f"chatcmpl-{fingerprint(messages, seed)[:29]}",
        created=int(time.time()),
        model=model,
        text=text,
        calls=answer.calls,
        finish_reason="length" if is_cut else reason,
        input_tokens=tokens.count_prompt(messages, tools),
        output_tokens=tokens.count(text) + sum(tokens.count_call(call.name, call.arguments) for call in answer.calls),
    )


def _cut(text: str, stops: list[str], limit: int | None) -> tuple[str, bool]:
    """Return the text up to a stop sequence or the limit of tokens, and whether the limit cut it."""
    for stop in stops:
        if stop:
            text = text.split(stop, 1)[0]
    pieces = tokens.split(text)
    if limit is not None and len(pieces) > limit:
        return "".join(pieces[:limit]), True
    return text, False

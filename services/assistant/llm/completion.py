"""Parses answers of the OpenAI chat completions API; a provider may send anything."""

import json
from dataclasses import dataclass
from typing import Any


class MalformedAnswerError(Exception):
    """The answer is no chat completion."""

    kind = "malformed_answer"


class EmptyAnswerError(MalformedAnswerError):
    """The answer has neither text nor tool calls."""

    kind = "empty_answer"


@dataclass(frozen=True)
class ToolCall:
    """A tool call of the model; `arguments` is JSON as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """The model's next message: text, or tool calls, or both."""

    id: str
    model: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    input_tokens: int
    output_tokens: int

    def as_message(self) -> dict[str, Any]:
        """Return the message that is sent back to the model in the next round."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return message


def parse(body: bytes) -> Completion:
    """Parse a completion.

    Raises:
        MalformedAnswerError: the body is no chat completion, or an empty one.
    """
    try:
        document = json.loads(body)
        choice = document["choices"][0]
        message = choice["message"]
        calls = tuple(
            ToolCall(str(call["id"]), str(call["function"]["name"]), str(call["function"].get("arguments") or "{}"))
            for call in message.get("tool_calls") or ()
        )
        text = message.get("content") or message.get("refusal") or ""
        usage = document.get("usage") or {}
        completion = Completion(
            id=str(document.get("id", "")),
            model=str(document.get("model", "")),
            text=storable(str(text)),
            tool_calls=calls,
            finish_reason=str(choice.get("finish_reason") or "stop"),
            input_tokens=max(0, int(usage.get("prompt_tokens") or 0)),
            output_tokens=max(0, int(usage.get("completion_tokens") or 0)),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedAnswerError(type(error).__name__) from None
    if not completion.text.strip() and not completion.tool_calls:
        raise EmptyAnswerError
    return completion


def storable(text: str) -> str:
    """Return the text without the characters that no database stores: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")

"""Reads answers of the OpenAI chat completions API; a provider may send anything.

A body becomes a Completion of clean text and tool calls, or a MalformedAnswerError.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from services.assistant.llm import markup
from services.assistant.llm.errors import EmptyAnswerError, MalformedAnswerError
from services.assistant.llm.markup import WrittenCall

_MAX_CALLS = 64
_MAX_DEPTH = 16
# More tokens than any context window has; the usage of such an answer is wrong.
_MAX_TOKENS = 100_000_000
_MAX_LABEL = 120
# Providers refuse messages with other names or longer ids.
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_NAME_LENGTH = 64
_NOT_IN_NAME = re.compile(r"[^a-zA-Z0-9_-]")
# Mistral takes only ids of nine characters from a to z, A to Z and 0 to 9; the others take these, too.
_ID_LENGTH = 9
_NO_OBJECT = "the arguments are no JSON object; send one"


@dataclass(frozen=True)
class ToolCall:
    """A tool call of the model. `problem` says why its arguments could not be read; they are empty then."""

    id: str
    name: str
    arguments: dict[str, Any]
    problem: str = ""


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
        # Strict providers refuse an empty text.
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in self.tool_calls
            ]
        return message


def parse(body: bytes) -> Completion:
    """Parse a completion.

    Raises:
        MalformedAnswerError: the body is no chat completion, an empty one, or one with markup that cannot be read.
    """
    document = _object(_decode(body))
    choices = document.get("choices")
    choice = _object(choices[0] if isinstance(choices, list) and choices else None)
    message = _object(choice.get("message"))
    content = markup.split(_text_of(message))
    calls = _read_calls(message) or (markup.parse_calls(content.calls) if content.calls else [])
    if not content.text and not calls:
        raise EmptyAnswerError
    usage = document.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    return Completion(
        id=_label(document.get("id")),
        model=_label(document.get("model")),
        text=content.text,
        tool_calls=_tool_calls(calls),
        finish_reason=_label(choice.get("finish_reason")) or ("tool_calls" if calls else "stop"),
        input_tokens=_count(counts.get("prompt_tokens")),
        output_tokens=_count(counts.get("completion_tokens")),
    )


def storable(text: str) -> str:
    """Return the text without the characters that no database stores: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def _decode(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedAnswerError from None


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedAnswerError
    return value


def _label(value: object) -> str:
    """Return a short text for signals and the database; empty for another value."""
    return storable(value).strip()[:_MAX_LABEL] if isinstance(value, str) else ""


def _count(value: object) -> int:
    """Return a number of tokens; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return 0
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return 0
    return number if 0 <= number <= _MAX_TOKENS else 0


def _text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, or its refusal."""
    content = message.get("content")
    texts = (_join(content, "text"), _join(content, "refusal"), _join(message.get("refusal"), "text"))
    return next((text for text in map(storable, texts) if text.strip()), "")


def _join(content: object, member: str) -> str:
    """Return the text of a content, or of those of its parts that have the member; other parts are left out."""
    parts = content if isinstance(content, list) else [content]
    return "".join(_part(part, member) for part in parts)


def _part(part: object, member: str) -> str:
    if isinstance(part, Mapping):
        # A part that thinks has its text in another member, or in "text" and another type.
        is_shown = part.get("type") in (None, "text", "output_text", "refusal")
        part = part.get(member) if is_shown else None
    elif member != "text":
        return ""
    return part if isinstance(part, str) else ""


def _read_calls(message: Mapping[str, Any]) -> list[WrittenCall]:
    """Return the tool calls of a message, or the one in the old form.

    Raises:
        MalformedAnswerError: one has no name.
    """
    found = message.get("tool_calls") or message.get("function_call") or []
    items = found if isinstance(found, list) else [found]
    calls = [call for item in items if (call := markup.read_call(item))]
    if len(calls) < len(items):
        raise MalformedAnswerError
    return calls


def _tool_calls(calls: list[WrittenCall]) -> tuple[ToolCall, ...]:
    """Return calls with ids of their own, plain names and objects as arguments.

    Raises:
        MalformedAnswerError: there are too many calls.
    """
    if len(calls) > _MAX_CALLS:
        raise MalformedAnswerError
    return tuple(_tool_call(call_id, call) for call_id, call in zip(_unique_ids(calls), calls, strict=True))


def _unique_ids(calls: list[WrittenCall]) -> list[str]:
    """Return the ids of the calls; a new one where it is missing, taken by an earlier call, or in another form."""
    first: dict[str, int] = {}
    for index, call in enumerate(calls):
        if isinstance(call.id, str) and _ID.fullmatch(call.id):
            first.setdefault(call.id, index)
    ids = set(first)
    while len(ids) < len(calls):
        ids.add(uuid4().hex[:_ID_LENGTH])
    fresh = iter(ids - set(first))
    kept = {index: call_id for call_id, index in first.items()}
    return [kept[index] if index in kept else next(fresh) for index in range(len(calls))]


def _tool_call(call_id: str, call: WrittenCall) -> ToolCall:
    name = _NOT_IN_NAME.sub("_", call.name.removeprefix("functions."))[:_NAME_LENGTH] or "_"
    arguments = _arguments(call.arguments)
    return ToolCall(call_id, name, arguments or {}, "" if arguments is not None else _NO_OBJECT)


def _arguments(value: object) -> dict[str, Any] | None:
    """Return the arguments of a call as an object; None when they are none. Some servers encode them twice."""
    try:
        for _ in range(2):
            if isinstance(value, str):
                value = json.loads(value) if value.strip() else None
        plain = {} if value is None or value == [] else _plain(value)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _plain(value: object, depth: int = _MAX_DEPTH) -> object:
    """Return a JSON value that can be stored and sent again: no NaN, no broken characters.

    Raises:
        ValueError: it is nested more than `depth` times.
    """
    if depth == 0:
        raise ValueError("nested too deeply")
    match value:
        case str():
            return storable(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {storable(key): _plain(item, depth - 1) for key, item in value.items()}
        case list():
            return [_plain(item, depth - 1) for item in value]
    return value

"""The model: from the messages of a conversation to its next message."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from services.model.dialogue.forcing import forced
from services.model.dialogue.history import rebuild
from services.model.dialogue.moves import Move, Say, Use
from services.model.dialogue.phrases import say
from services.model.dialogue.policy import decide


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for; `arguments` is a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """The model's next message: text, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Choice:
    """How freely the model chooses between words and tools; `name` is the tool of "named"."""

    how: Literal["auto", "none", "required", "named"] = "auto"
    name: str = ""


AUTO = Choice()


def respond(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    seed: int = 0,
    choice: Choice = AUTO,
    now: datetime | None = None,
) -> Answer:
    """Return the next message of the conversation. The same messages, tools and seed give the same answer.

    messages, tools: as in the OpenAI API.
    now: taken when the system message has no CONTEXT line.
    """
    state = rebuild(messages, now or datetime.now(UTC))
    digest = fingerprint(messages, seed)
    functions = {str(tool["function"]["name"]): dict(tool["function"]) for tool in tools}
    move = decide(state)
    if choice.how == "named":
        move = forced(move, functions[choice.name], state)
    elif choice.how == "required" and not (isinstance(move, Use) and move.tool in functions):
        move = forced(move, next(iter(functions.values())), state)
    elif isinstance(move, Use):
        move = _allowed(move, {} if choice.how == "none" else functions)
    if isinstance(move, Use):
        return Answer(calls=(ToolCall(f"call_{digest[:24]}", move.tool, json.dumps(move.arguments)),))
    return Answer(text=_words(move, int(digest[:8], 16)))


def fingerprint(messages: Sequence[Mapping[str, Any]], seed: int) -> str:
    """Return 64 hexadecimal digits that follow from messages and seed."""
    text = json.dumps([seed, [dict(message) for message in messages]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _allowed(move: Use, functions: Mapping[str, object]) -> Move:
    """Say something in the place of a tool that was not given."""
    if move.tool in functions:
        return move
    return Say("trouble") if functions else Say("help")


def _words(move: Say, number: int) -> str:
    parts = [say(part.act, number + index, **part.fields) for index, part in enumerate((*move.remarks, move))]
    return " ".join(parts)

"""Counts tokens as a byte-pair tokenizer does, within about 10 % on English and JSON."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_PIECE: Final = re.compile(r"\s*(?:[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d])|\s+$")
_WHOLE_WORD: Final = 8  # most English words up to here are one token
_WORD_PART: Final = 5
_PER_MESSAGE: Final = 4  # role and separators
_PRIMING: Final = 3  # every response begins with its role


def split(text: str) -> list[str]:
    """Return the tokens; joined they are the text."""
    tokens: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        word = piece.lstrip()
        if len(word) <= _WHOLE_WORD:
            tokens.append(piece)
            continue
        start = len(piece) - len(word) + _WORD_PART
        tokens.append(piece[:start])
        tokens += [piece[at : at + _WORD_PART] for at in range(start, len(piece), _WORD_PART)]
    return tokens


def count(text: str) -> int:
    """Return the number of tokens of the text."""
    return len(split(text))


def count_prompt(messages: Iterable[Mapping[str, Any]], tools: Iterable[Mapping[str, Any]] = ()) -> int:
    """Return the number of tokens of a request: its messages with their calls, and its tools."""
    total = _PRIMING
    for message in messages:
        total += _PER_MESSAGE
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        total += sum(count(str(part.get("text") or "")) for part in parts)
        for call in message.get("tool_calls") or ():
            total += count_call(call["function"]["name"], call["function"]["arguments"])
    return total + sum(count(json.dumps(tool)) for tool in tools)


def count_call(name: str, arguments: str) -> int:
    """Return the number of tokens of a tool call."""
    return count(name) + count(arguments) + _PER_MESSAGE

"""A completion as server-sent events, token by token."""

import json
from collections.abc import Iterator
from typing import Any

from services.model import tokens
from services.model.completions import Completion
from services.model.latency import Latency


def stream_events(completion: Completion, latency: Latency, *, include_usage: bool) -> Iterator[str]:
    """Yield the events at the rate of the latency; the caller waits for the first token.

    Args:
        completion: the whole response.
        latency: delays each token.
        include_usage: whether the last chunk has the usage.
    """
    head = completion.head("chat.completion.chunk")
    if include_usage:
        head["usage"] = None
    for delta, cost in _deltas(completion):
        latency.wait_for_tokens(cost)
        yield _event({**head, "choices": [_choice(delta)]})
    yield _event({**head, "choices": [_choice({}, completion.finish_reason)]})
    if include_usage:
        yield _event({**head, "choices": [], "usage": completion.usage()})
    yield "data: [DONE]\n\n"


def _deltas(completion: Completion) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the delta of each chunk with its number of tokens."""
    if not completion.calls:
        yield {"role": "assistant", "content": "", "refusal": None}, 0
        yield from (({"content": piece}, 1) for piece in tokens.split(completion.text))
        return
    yield {"role": "assistant", "content": None}, 0
    for index, call in enumerate(completion.calls):
        opening = {**call.document(), "function": {"name": call.name, "arguments": ""}}
        yield {"tool_calls": [{"index": index, **opening}]}, tokens.count_call(call.name, "")
        for piece in tokens.split(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, 1


def _choice(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document)}\n\n"

"""Injects the active faults into a call: before its response, into the response, and while it is sent."""

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from random import Random
from typing import Any

from flask import Response

from services.model import bad_responses, connection, errors, faults
from services.model.completions import Completion
from services.model.latency import draw_long_tail
from services.web.faults import ActiveFault, Fault, FaultRegistry


class FaultInjector:
    """The faults of one model.

    At most `max_hanging` calls hang at a time, so that threads remain for the admin API and for Prometheus;
    further calls get "overloaded".
    """

    def __init__(self, registry: FaultRegistry, model: str, seed: int, max_hanging: int) -> None:
        self._registry = registry
        self._model = model
        self._random = Random(seed)  # noqa: S311 - a seeded draw, no secret
        self._hanging = threading.BoundedSemaphore(max_hanging)

    def refuse_or_delay(self) -> None:
        """Refuse or delay the call.

        Raises:
            ApiError: the call ends here.
        """
        if fault := self._hit(faults.ERRORS):
            raise errors.server_error(int(fault.parameters["status"]))
        if fault := self._hit(faults.THROTTLE):
            raise errors.throttled(self._model, int(fault.parameters["retry_after"]))
        if fault := self._hit(faults.HANG):
            self._hang(fault)
        if fault := self._hit(faults.LATENCY):
            mean, tail = float(fault.parameters["seconds"]), fault.parameters["tail"]
            connection.wait(draw_long_tail(mean, self._random) if tail == "long" else mean, fault.ended)

    def _hit(self, fault: Fault) -> ActiveFault | None:
        return self._registry.hit(fault.name, model=self._model)

    def _hang(self, fault: ActiveFault) -> None:
        if not self._hanging.acquire(blocking=False):
            raise errors.server_error(503)
        try:
            has_timed_out = connection.wait(float(fault.parameters["seconds"]), fault.ended)
        finally:
            self._hanging.release()
        if has_timed_out:
            raise errors.server_error(504)

    def corrupt(self, completion: Completion) -> Completion:
        """Return the completion with what the active faults replace in it."""
        if self._hit(faults.EMPTY):
            return bad_responses.empty(completion)
        if self._hit(faults.POOR):
            return bad_responses.random_text(completion, bad_responses.POOR, self._random)
        if completion.calls:  # the assistant ignores the text of a completion with calls
            return completion
        if self._hit(faults.UNSAFE):
            return bad_responses.random_text(completion, bad_responses.UNSAFE, self._random)
        if fault := self._hit(faults.LONG):
            return bad_responses.long(completion, int(fault.parameters["tokens"]))
        return completion

    def send(self, document: dict[str, Any]) -> Response:
        """Return the response with the whole document."""
        text = json.dumps(document)
        if self._hit(faults.MALFORMED):
            text = text[: len(text) // 2]
        if not self._hit(faults.CUT):
            return Response(text, content_type="application/json")
        half = _abort_after(iter((text[: len(text) // 2],)), connection.current_connection())
        return Response(half, headers={"Content-Length": str(len(text))}, content_type="application/json")

    def send_stream(self, events: Iterator[str]) -> Response:
        """Return the response as a stream of events."""
        if self._hit(faults.MALFORMED):
            events = (f"{event[: len(event) // 2]}\n\n" for event in events)
        if self._hit(faults.CUT):
            events = _abort_after(itertools.islice(events, 2), connection.current_connection())
        # A proxy must not buffer events.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return Response(events, headers=headers, content_type="text/event-stream; charset=utf-8")


def _abort_after(pieces: Iterator[str], client: socket.socket | None) -> Iterator[str]:
    yield from pieces
    connection.abort(client)

"""Does to a call what the faults that are on ask for: before it is answered, to the answer, and while it is sent."""

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
from services.model.connection import Kept
from services.model.latency import with_long_tail
from services.web.faults import ActiveFault, Fault, FaultRegistry


class FaultInjector:
    """The faults of one model, as its calls meet them.

    At most `most_hanging` calls hang at a time, so that there are threads left for the admin API and for Prometheus;
    further ones get "overloaded".
    """

    def __init__(self, registry: FaultRegistry, model: str, seed: int, most_hanging: int) -> None:
        self._registry = registry
        self._model = model
        self._random = Random(seed)  # noqa: S311 - a seeded draw, no secret
        self._hanging = threading.BoundedSemaphore(most_hanging)

    def before(self) -> None:
        """Refuse the call, or keep it waiting.

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
            self._wait(with_long_tail(mean, self._random) if tail == "long" else mean, fault)

    def _hit(self, fault: Fault) -> ActiveFault | None:
        return self._registry.hit(fault.name, model=self._model)

    def _hang(self, fault: ActiveFault) -> None:
        if not self._hanging.acquire(blocking=False):
            raise errors.server_error(503)
        try:
            ended = self._wait(float(fault.parameters["seconds"]), fault)
        finally:
            self._hanging.release()
        if ended is Kept.TIME_OVER:
            raise errors.server_error(504)

    def _wait(self, seconds: float, fault: ActiveFault) -> Kept:
        ended = connection.keep_waiting(seconds, fault.ended, connection.of_request())
        if ended is Kept.CLIENT_GONE:
            raise errors.client_gone()
        return ended

    def corrupt(self, completion: Completion) -> Completion:
        """The answer as a model that has gone wrong gives it."""
        if self._hit(faults.EMPTY):
            return bad_responses.empty(completion)
        if self._hit(faults.POOR):
            return bad_responses.poor(completion, self._random)
        if completion.calls:  # the assistant ignores what follows
            return completion
        if self._hit(faults.UNSAFE):
            return bad_responses.unsafe(completion, self._random)
        if fault := self._hit(faults.LONG):
            return bad_responses.long(completion, int(fault.parameters["tokens"]))
        return completion

    def send(self, document: dict[str, Any]) -> Response:
        """The answer as a whole."""
        text = json.dumps(document)
        if self._hit(faults.MALFORMED):
            text = text[: len(text) // 2]
        response = Response(text, content_type="application/json")
        if self._hit(faults.CUT):
            half = _then_hang_up(iter((text[: len(text) // 2],)), connection.of_request())
            headers = {"Content-Length": str(len(text))}
            response = Response(half, headers=headers, content_type="application/json")
        return response

    def send_stream(self, events: Iterator[str]) -> Response:
        """The answer as events."""
        if self._hit(faults.MALFORMED):
            events = (f"{event[: len(event) // 2]}\n\n" for event in events)
        if self._hit(faults.CUT):
            events = _then_hang_up(itertools.islice(events, 2), connection.of_request())
        # A proxy must pass each event on at once.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return Response(events, headers=headers, content_type="text/event-stream; charset=utf-8")


def _then_hang_up(pieces: Iterator[str], client: socket.socket | None) -> Iterator[str]:
    yield from pieces
    connection.hang_up(client)

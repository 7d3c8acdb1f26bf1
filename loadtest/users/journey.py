"""The synthetic journey: one scripted customer who books, reads and cancels, always the same way.

A change of its stats is a change of the service, never of the customer. It goes to a business of its own, whose
appointments and conversations are kept out of the stats of the business.
"""

import contextlib
import json
import logging
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtest.stats.load_stats import LoadStats

BUSINESS = "lab-journey"
# A little longer than the assistant gives itself for a chat.
_ANSWER_SECONDS = 12.0
_WORDS = (
    "I'd like to book a consultation tomorrow.",
    "The first one, please.",
    "Yes, please book it.",
    "The first one, please.",
    "Yes, please book it.",
)
# An assistant that has just been started is not yet down.
_START_SECONDS = 60.0
_log = logging.getLogger("journey")


class StepError(Exception):
    """A step did not do what it is for."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


@dataclass(frozen=True)
class Run:
    """One journey: how long it took, the step at which it failed (None: none did) and why."""

    seconds: float
    failing_step: str | None = None
    reason: str = ""


class Journey:
    """Goes to one assistant, again and again."""

    def __init__(self, host: str, *, answer_seconds: float = _ANSWER_SECONDS, asked: LoadStats | None = None) -> None:
        self._host = host.rstrip("/")
        self._answer_seconds = answer_seconds
        # Every request that it sends: to the service they look like those of other users.
        self._asked = LoadStats() if asked is None else asked
        # Booked in a journey that failed after it: cancelled before the next one.
        self._left: set[str] = set()

    def run(self) -> Run:
        """Make one journey; never raises."""
        began = time.monotonic()
        # A name of its own for each: its list of appointments holds this one only.
        user = f"journey-{uuid.uuid4().hex[:12]}"
        try:
            self._tidy()
            appointment_id = self._book(user)
            self._left.add(appointment_id)
            self._read(user, appointment_id)
            self._cancel(user, appointment_id)
            self._left.discard(appointment_id)
        except StepError as error:
            return Run(time.monotonic() - began, error.step, error.reason)
        return Run(time.monotonic() - began)

    def go_on(
        self, every: float, report: Callable[[Run], None], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Make one journey every so many seconds, for ever, and report each.

        After a failed one the next comes in half of that time: two in a row are no coincidence. Not sooner: a cause
        that fires by then (ServiceDown) inhibits the journey's alert.
        """
        self._wait_for_start(sleep)
        failing = False
        while True:
            began = time.monotonic()
            run = self.run()
            report(run)
            if run.failing_step:
                _log.warning("the journey failed at %s: %s", run.failing_step, run.reason)
            elif failing:
                _log.info("the journey comes to its end again")
            failing = run.failing_step is not None
            sleep(max(0.0, began + (every / 2 if failing else every) - time.monotonic()))

    def _book(self, user: str) -> str:
        conversation: dict[str, str] = {}
        for message in _WORDS:
            body = {"message": message, "business_id": BUSINESS, "user_id": user, **conversation}
            answer = self._ask("book", "POST", "/chat", body)
            if answer.get("outcome") != "ok":
                raise StepError("book", f"the answer is a {answer.get('outcome')}")
            conversation = {"conversation_id": str(answer.get("conversation_id"))}
            appointment = answer.get("appointment")
            if appointment and appointment.get("status") == "booked":
                return str(appointment["id"])
        raise StepError("book", f"no appointment after {len(_WORDS)} messages")

    def _read(self, user: str, appointment_id: str) -> None:
        if self._status("read", user, appointment_id) != "booked":
            raise StepError("read", "the appointment is not in the list")

    def _cancel(self, user: str, appointment_id: str) -> None:
        self._ask("cancel", "DELETE", f"/appointments/{appointment_id}")
        if self._status("cancel", user, appointment_id) == "booked":
            raise StepError("cancel", "the appointment is still booked")

    def _status(self, step: str, user: str, appointment_id: str) -> str | None:
        rows = self._ask(step, "GET", f"/appointments?user_id={user}").get("appointments") or []
        return next((str(row.get("status")) for row in rows if row.get("id") == appointment_id), None)

    def _tidy(self) -> None:
        for appointment_id in tuple(self._left):
            # What is wrong now, the steps will find.
            with contextlib.suppress(StepError):
                self._ask("cancel", "DELETE", f"/appointments/{appointment_id}", gone_is_fine=True)
                self._left.discard(appointment_id)

    def _wait_for_start(self, sleep: Callable[[float], None]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._send("book", "GET", "/ready", None, gone_is_fine=False)
            except StepError:
                sleep(1.0)
            else:
                return

    def _ask(
        self, step: str, method: str, path: str, body: dict[str, Any] | None = None, *, gone_is_fine: bool = False
    ) -> dict[str, Any]:
        began, answer = time.monotonic(), None
        try:
            answer = self._send(step, method, path, body, gone_is_fine=gone_is_fine)
        finally:
            # As for other people, a fallback in the place of an answer has failed.
            ok = answer is not None and answer.get("outcome") != "fallback"
            self._asked.request(f"journey: {step}", method, time.monotonic() - began, ok=ok)
        return answer

    def _send(
        self, step: str, method: str, path: str, body: dict[str, Any] | None, *, gone_is_fine: bool
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is the assistant's own, http
            self._host + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            # Nothing in between: a proxy of the host's environment knows no address of the lab.
            with _OPENER.open(request, timeout=self._answer_seconds) as response:
                text = response.read()
            answer = json.loads(text) if text else {}
        except urllib.error.HTTPError as error:
            with error:
                if gone_is_fine and error.code in (404, 409):
                    return {}
                raise StepError(step, f"status {error.code}") from error
        except TimeoutError as error:
            raise StepError(step, f"no answer within {self._answer_seconds:g} s") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise StepError(step, f"no answer: {reason}") from error
        if not isinstance(answer, dict):
            raise StepError(step, "the answer is not an object")
        return answer


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

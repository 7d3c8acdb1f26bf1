"""The synthetic journey: a scripted customer who books, reads and cancels one appointment.

The script never changes, so a change of its results is a change of the service. It uses its own business, which the
business metrics leave out.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from loadtest.http_client import error_cause, send
from loadtest.stats.load_stats import LoadStats

BUSINESS = "lab-journey"
# Longer than the assistant's deadline for a chat.
_TIMEOUT_SECONDS = 12.0
_MESSAGES = (
    "I'd like to book a consultation tomorrow.",
    "The first one, please.",
    "Yes, please book it.",
    "The first one, please.",
    "Yes, please book it.",
)
# An assistant that is still starting is no failure.
_START_SECONDS = 60.0
_log = logging.getLogger("journey")


class StepError(Exception):
    """A step failed; `step` is book, read or cancel."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


@dataclass(frozen=True)
class Run:
    """The result of one journey: its seconds, and the failing step with the reason, None after a success."""

    seconds: float
    failing_step: str | None = None
    reason: str = ""


class Journey:
    """The synthetic journey against one assistant; counts its requests in `stats`."""

    def __init__(self, host: str, *, timeout_seconds: float = _TIMEOUT_SECONDS, stats: LoadStats | None = None) -> None:
        self._host = host.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._stats = LoadStats() if stats is None else stats
        # Appointments that a failed journey left booked; the next one cancels them.
        self._left: set[str] = set()

    def run(self) -> Run:
        """Make one journey and return its result; never raises."""
        began = time.monotonic()
        # A new user for each journey: its list has one appointment.
        user = f"journey-{uuid.uuid4().hex[:12]}"
        try:
            self._cancel_left()
            appointment_id = self._book(user)
            self._left.add(appointment_id)
            self._read(user, appointment_id)
            self._cancel(user, appointment_id)
            self._left.discard(appointment_id)
        except StepError as error:
            return Run(time.monotonic() - began, error.step, error.reason)
        return Run(time.monotonic() - began)

    def repeat(
        self, interval_seconds: float, report: Callable[[Run], None], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Make a journey every `interval_seconds` without end and report each.

        After a failure the next one starts in half of that time: the alert needs two in a row. Not sooner, so that a
        cause such as ServiceDown fires first and inhibits it.
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
                _log.info("the journey succeeds again")
            failing = run.failing_step is not None
            interval = interval_seconds / 2 if failing else interval_seconds
            sleep(max(0.0, began + interval - time.monotonic()))

    def _book(self, user: str) -> str:
        conversation: dict[str, str] = {}
        for message in _MESSAGES:
            body = {"message": message, "business_id": BUSINESS, "user_id": user, **conversation}
            answer = self._request("book", "POST", "/chat", body)
            if answer.get("outcome") != "ok":
                raise StepError("book", f"the answer is a {answer.get('outcome')}")
            conversation = {"conversation_id": str(answer.get("conversation_id"))}
            appointment = answer.get("appointment")
            if appointment and appointment.get("status") == "booked":
                return str(appointment["id"])
        raise StepError("book", f"no appointment after {len(_MESSAGES)} messages")

    def _read(self, user: str, appointment_id: str) -> None:
        if self._status("read", user, appointment_id) != "booked":
            raise StepError("read", "the appointment is not in the list")

    def _cancel(self, user: str, appointment_id: str) -> None:
        self._request("cancel", "DELETE", f"/appointments/{appointment_id}")
        if self._status("cancel", user, appointment_id) == "booked":
            raise StepError("cancel", "the appointment is still booked")

    def _status(self, step: str, user: str, appointment_id: str) -> str | None:
        rows = self._request(step, "GET", f"/appointments?user_id={user}").get("appointments") or []
        return next((str(row.get("status")) for row in rows if row.get("id") == appointment_id), None)

    def _cancel_left(self) -> None:
        for appointment_id in tuple(self._left):
            # The steps report what fails now.
            with contextlib.suppress(StepError):
                self._request("cancel", "DELETE", f"/appointments/{appointment_id}", allow_missing=True)
                self._left.discard(appointment_id)

    def _wait_for_start(self, sleep: Callable[[float], None]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._send("book", "GET", "/ready", None, allow_missing=False)
            except StepError:
                sleep(1.0)
            else:
                return

    def _request(
        self, step: str, method: str, path: str, body: dict[str, Any] | None = None, *, allow_missing: bool = False
    ) -> dict[str, Any]:
        began, answer = time.monotonic(), None
        try:
            answer = self._send(step, method, path, body, allow_missing=allow_missing)
        finally:
            # As for other users, a fallback reply is a failure.
            ok = answer is not None and answer.get("outcome") != "fallback"
            self._stats.request(f"journey: {step}", method, time.monotonic() - began, ok=ok)
        return answer

    def _send(
        self, step: str, method: str, path: str, body: dict[str, Any] | None, *, allow_missing: bool
    ) -> dict[str, Any]:
        try:
            response = send(method, self._host + path, self._timeout_seconds, json=body)
            if allow_missing and response.status_code in (404, 409):
                return {}
            if not response.ok:
                raise StepError(step, f"status {response.status_code}")
            answer = response.json() if response.content else {}
        except requests.Timeout as error:
            raise StepError(step, f"no answer within {self._timeout_seconds:g} s") from error
        except requests.RequestException as error:
            raise StepError(step, f"no answer: {error_cause(error)}") from error
        if not isinstance(answer, dict):
            raise StepError(step, "the answer is not an object")
        return answer

"""A bad release and an exception of a new kind: requests of users that fail in a way that was not there before."""

import re
import threading
import time
from collections.abc import Callable

from flask import Flask
from opentelemetry import trace

from services.assistant.context import Assistant
from services.assistant.faults import at_hand
from services.assistant.faults.kinds import BAD_RELEASE, NEW_EXCEPTION
from services.telemetry import Telemetry
from services.web.faults import ActiveFault

_WHAT = ("Ledger", "Quota", "Tariff", "Roster", "Voucher", "Locale", "Holiday", "Waitlist", "Invoice", "Consent")
_WHERE = ("Index", "Cache", "Schema", "Window", "Merge", "Lookup", "Signature", "Budget", "Range", "Handle")
_HOW = ("Missing", "Overflow", "Mismatch", "Drift", "Conflict", "Underrun", "Stale", "Loop", "Gap", "Split")


def init_app(app: Flask, assistant: Assistant) -> None:
    """Join the app. Only requests of users are hit: the page, probes and the admin door go on."""
    faults, telemetry = assistant.faults, assistant.telemetry
    faults.when_on(BAD_RELEASE.name, _Releases(telemetry))

    @app.before_request
    def strike() -> None:
        route = at_hand.route() if faults.any_on else None
        if route is None:
            return
        about = {"route": route, "business_id": at_hand.business_asked_for()}
        release = faults.active(BAD_RELEASE.name, **about)
        if release:
            trace.get_current_span().set_attribute("service.version", _next_version(release, telemetry))
            time.sleep(release.parameters["seconds"])
        for name in (BAD_RELEASE.name, NEW_EXCEPTION.name):
            if fault := faults.hit(name, **about):
                raise unseen(fault)


class _Releases:
    """Shows the version of the release that is on, and the one before when none is on any more."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._own = telemetry.settings.version
        self._lock = threading.Lock()
        self._on: list[str] = []

    def __call__(self, fault: ActiveFault) -> None:
        version = _next_version(fault, self._telemetry)
        self._change(self._on.append, version)
        fault.over.wait()
        self._change(self._on.remove, version)

    def _change(self, how: Callable[[str], None], version: str) -> None:
        with self._lock:
            how(version)
            self._telemetry.set_version(self._on[-1] if self._on else self._own)


def _next_version(fault: ActiveFault, telemetry: Telemetry) -> str:
    """The version of the release: as ordered, or the one after ours, 1.4.2 -> 1.4.3."""
    own = telemetry.settings.version
    following = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), own)
    return str(fault.parameters["version"]) or (following if following != own else f"{own}-1")


def unseen(fault: ActiveFault) -> Exception:
    """Make the exception of a fault: of a type that is named after nothing in the code, the same while it is on."""
    number = int(fault.id, 16)
    made = _WHAT[number % 10] + _WHERE[number // 10 % 10] + _HOW[number // 100 % 10]
    name = str(fault.parameters["error_type"]) or f"{made}{fault.id[:4]}Error"
    kind: type[Exception] = type(name, (RuntimeError,), {"__module__": "services.assistant"})
    return kind("the request could not be handled")

"""A bad release and a new exception type: user requests fail in a new way."""

import re
import threading
import time

from flask import Flask
from opentelemetry import trace

from services.assistant.app_state import Assistant
from services.assistant.faults import request_target
from services.assistant.faults.kinds import BAD_RELEASE, NEW_EXCEPTION
from services.telemetry import Telemetry
from services.web.faults import ActiveFault

_WHAT = ("Ledger", "Quota", "Tariff", "Roster", "Voucher", "Locale", "Holiday", "Waitlist", "Invoice", "Consent")
_WHERE = ("Index", "Cache", "Schema", "Window", "Merge", "Lookup", "Signature", "Budget", "Range", "Handle")
_HOW = ("Missing", "Overflow", "Mismatch", "Drift", "Conflict", "Underrun", "Stale", "Loop", "Gap", "Split")


def init_app(app: Flask, assistant: Assistant) -> None:
    """Add the hook that makes user requests fail; the page, probes and the admin API are not affected."""
    faults, telemetry = assistant.faults, assistant.telemetry
    faults.on_start(BAD_RELEASE.name, _Releases(telemetry))

    @app.before_request
    def inject() -> None:
        route = request_target.route() if faults.any_active else None
        if route is None:
            return
        target = {"route": route, "business_id": request_target.requested_business_id()}
        if release := faults.active(BAD_RELEASE.name, **target):
            trace.get_current_span().set_attribute("service.version", _next_version(release, telemetry))
            time.sleep(release.parameters["seconds"])
        for name in (BAD_RELEASE.name, NEW_EXCEPTION.name):
            if fault := faults.hit(name, **target):
                raise new_exception_type(fault)


class _Releases:
    """Sets the version of the latest active release, or that of the settings when none is active."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._versions = [telemetry.settings.version]

    def __call__(self, fault: ActiveFault) -> None:
        version = _next_version(fault, self._telemetry)
        with self._lock:
            self._versions.append(version)
            self._telemetry.set_version(version)
        fault.ended.wait()
        with self._lock:
            self._versions.remove(version)
            self._telemetry.set_version(self._versions[-1])


def _next_version(fault: ActiveFault, telemetry: Telemetry) -> str:
    """Return the version of the fault's parameters, or else the next one: 1.4.2 -> 1.4.3."""
    own = telemetry.settings.version
    following = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), own)
    return str(fault.parameters["version"]) or (following if following != own else f"{own}-1")


def new_exception_type(fault: ActiveFault) -> Exception:
    """Return the exception of a fault.

    Its type name is not in the code, and stays the same while the fault is active.
    """
    number = int(fault.id, 16)
    type_name = _WHAT[number % 10] + _WHERE[number // 10 % 10] + _HOW[number // 100 % 10]
    name = str(fault.parameters["error_type"]) or f"{type_name}{fault.id[:4]}Error"
    kind: type[Exception] = type(name, (RuntimeError,), {"__module__": "services.assistant"})
    return kind("the request could not be handled")

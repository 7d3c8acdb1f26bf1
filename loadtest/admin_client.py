"""Switches faults through the admin APIs of assistant and model, for scenarios that are started on Locust's page."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtest.scenarios.declaration import PlannedFault

_SECONDS = 3.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AdminClient:
    """The admin APIs: addresses by service, and the file with the token. None of its methods raises."""

    def __init__(self, addresses: Mapping[str, str], token_file: Path | None) -> None:
        self._addresses = {name: url.rstrip("/") for name, url in addresses.items()}
        self._token_file = token_file

    def on(self, fault: PlannedFault, *, hidden: bool = False) -> str | None:
        """Switch a fault on, with its end; returns why that failed, None when it is on."""
        order = {
            "fault": fault.name,
            "intensity": fault.intensity,
            "duration_seconds": fault.duration,
            "target": fault.target,
            "parameters": dict(fault.parameters),
            **({"hidden": True} if hidden else {}),
        }
        try:
            self._ask("POST", fault.service, "/admin/faults", order)
        except (OSError, ValueError, KeyError) as error:
            return f"{fault.service}: {_reason(error)}"
        return None

    def off(self, fault: PlannedFault) -> None:
        """Switch a fault off; one that cannot be reached ends by itself."""
        try:
            self._ask("DELETE", fault.service, f"/admin/faults/{fault.name}")
        except (OSError, ValueError, KeyError):
            return

    def busy(self) -> str | None:
        """Return a sentence about a fault that is on already, or about a door that does not open; None: all clear."""
        for service in self._addresses:
            try:
                active = self._ask("GET", service, "/admin/faults")["active"]
            except (OSError, ValueError, KeyError) as error:
                return f"The admin API of {service} does not open: {_reason(error)}."
            if active:
                return f"The fault `{active[0]['fault']}` is on in {service} already."
        return None

    def _ask(self, method: str, service: str, path: str, body: dict[str, Any] | None = None) -> Any:
        token = self._token_file.read_text(encoding="utf-8").strip() if self._token_file else ""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = self._addresses[service] + path
        data = None if body is None else json.dumps(body).encode()
        order = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the lab's own, http
        with _OPENER.open(order, timeout=_SECONDS) as response:
            text = response.read()
        return json.loads(text) if text else {}


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        with error:
            return f"status {error.code} {error.read(300).decode(errors='replace')}"
    if isinstance(error, KeyError):
        return "there is no such door"
    return str(getattr(error, "reason", None) or error)

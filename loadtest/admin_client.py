"""Switches faults by the admin APIs of assistant and model, for scenarios that Locust's page starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from loadtest.http_client import error_cause, send
from loadtest.scenarios.declaration import PlannedFault, fault_request

_TIMEOUT_SECONDS = 3.0


class AdminError(Exception):
    """An admin API did not respond, or refused the request; the message says why."""


class AdminClient:
    """The admin APIs of the services in `addresses`, with the token in a file."""

    def __init__(self, addresses: Mapping[str, str], token_file: Path | None) -> None:
        self._addresses = {name: url.rstrip("/") for name, url in addresses.items()}
        self._token_file = token_file

    def switch_on(self, fault: PlannedFault, *, hidden: bool = False) -> None:
        """Switch a fault on until its end.

        Raises:
            AdminError: the fault is not on.
        """
        self._send("POST", fault.service, "/admin/faults", fault_request(fault, hidden=hidden))

    def switch_off(self, fault: PlannedFault) -> None:
        """Switch a fault off.

        Raises:
            AdminError: the fault stays on until its end.
        """
        self._send("DELETE", fault.service, f"/admin/faults/{fault.name}")

    def block_reason(self) -> str | None:
        """Return why no scenario may start: an active fault, or an admin API without a response; None if it may."""
        for service in self._addresses:
            try:
                active = self._send("GET", service, "/admin/faults").json()["active"]
            except (AdminError, ValueError, KeyError) as error:
                return f"The admin API of {service} does not list its faults: {error}."
            if active:
                return f"The fault `{active[0]['fault']}` is on in {service} already."
        return None

    def _send(self, method: str, service: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        url = self._addresses.get(service)
        if url is None:
            raise AdminError(f"{service} has no admin API here")
        try:
            token = self._token_file.read_text(encoding="utf-8").strip() if self._token_file else ""
            headers = {"Authorization": f"Bearer {token}"}
            response = send(method, url + path, _TIMEOUT_SECONDS, json=body, headers=headers)
        except OSError as error:  # also the errors of requests
            raise AdminError(error_cause(error)) from error
        if not response.ok:
            raise AdminError(f"status {response.status_code} {response.text[:300]}")
        return response

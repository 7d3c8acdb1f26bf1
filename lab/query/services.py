"""Clients of our own services: the assistant's public API, and the admin API of assistant and model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from lab.query.errors import BadAnswer
from lab.query.http import Server
from lab.query.times import parse_time
from loadtest.scenarios.declaration import Fault, fault_request


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault of a service: its parameters, and the dimensions that a target can name."""

    name: str
    description: str
    parameters: Any = None
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ActiveFault:
    """A fault that is on: `intensity` 0 to 1, times are Unix times in seconds."""

    fault: str
    target: str
    intensity: float
    started_at: float | None
    ends_at: float | None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChatAnswer:
    """A reply of the assistant: `outcome` is ok or fallback, `appointment` what was booked or changed, or None."""

    conversation_id: str
    reply: str
    outcome: str
    appointment: dict[str, Any] | None
    trace_id: str


class Service(Server):
    """A service of ours with its admin API."""

    def __init__(self, name: str, url: str, admin_token: str, client: httpx.Client | None = None) -> None:
        super().__init__(name, url, client)
        self._admin_token = admin_token

    def fault_kinds(self) -> list[FaultKind]:
        """Return the kinds of faults of this service."""
        rows = self._admin("GET", "/admin/faults").json()["available"]
        return [
            FaultKind(
                row["name"], row.get("description", ""), row.get("parameters"), tuple(row.get("dimensions") or ())
            )
            for row in rows
        ]

    def faults(self) -> list[ActiveFault]:
        """Return the faults that are on."""
        return [_fault(row) for row in self._admin("GET", "/admin/faults").json()["active"]]

    def fault_on(
        self,
        fault: str,
        duration: float,
        intensity: float = 1.0,
        target: str = "*",
        parameters: Mapping[str, Any] | None = None,
        *,
        hidden: bool = False,
    ) -> ActiveFault:
        """Switch a fault on for `duration` seconds, after which the service ends it.

        Args:
            fault: name of its kind.
            duration: seconds.
            intensity: share of what can be hit, above 0 and at most 1.
            target: what it hits, such as `route=/chat`; `*` is everything.
            parameters: of the kind.
            hidden: the service names it nowhere while it is on.
        """
        declared = Fault(self.name, fault, 0.0, duration, intensity, target, parameters or {})
        body = fault_request(declared, hidden=hidden)
        return _fault(self._admin("POST", "/admin/faults", body=body).json())

    def fault_off(self, fault: str | None = None, timeout: float | None = None) -> None:
        """Switch one fault off, or all; a fault that is already off is no error."""
        path = "/admin/faults" if fault is None else f"/admin/faults/{fault}"
        self._admin("DELETE", path, accept=(404,), timeout=timeout)

    def set_log_level(self, level: str) -> None:
        """Change the log level while the service runs: DEBUG, INFO, WARNING or ERROR."""
        self._admin("PUT", "/admin/log-level", body={"level": level})

    def _admin(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._admin_token}"}
        try:
            return self.request(method, path, headers=headers, **options)
        except BadAnswer as error:
            if error.status != 401:
                raise
            hint = "the admin token was refused: was the lab started from another folder or with another LAB_HOME?"
            raise BadAnswer(error.name, error.url, error.status, hint) from error


class Assistant(Service):
    """The assistant: its admin API and its public API."""

    def chat(
        self,
        message: str,
        conversation_id: str | None = None,
        business_id: str | None = None,
        user_id: str | None = None,
        timeout: float = 20.0,
    ) -> ChatAnswer:
        """Send one message to the assistant and return its reply; `timeout` is in seconds."""
        named = {"conversation_id": conversation_id, "business_id": business_id, "user_id": user_id}
        body = {"message": message} | {key: value for key, value in named.items() if value is not None}
        row = self.json("POST", "/chat", body=body, timeout=timeout)
        return ChatAnswer(
            conversation_id=row["conversation_id"],
            reply=row["reply"],
            outcome=row["outcome"],
            appointment=row.get("appointment"),
            trace_id=row.get("trace_id") or "",
        )

    def businesses(self, kind: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return businesses as the assistant publishes them: id, name, kind, city, region, time_zone, providers."""
        params = {"limit": str(limit)} | ({} if kind is None else {"kind": kind})
        return list(self.json("GET", "/businesses", params=params)["businesses"])

    def appointments(self, user_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return a user's appointments."""
        params = {"user_id": user_id, "limit": str(limit)}
        return list(self.json("GET", "/appointments", params=params)["appointments"])

    def cancel(self, appointment_id: str) -> None:
        """Cancel an appointment; a cancelled or unknown one is no error."""
        self.request("DELETE", f"/appointments/{appointment_id}", accept=(404, 409))


def _fault(row: Mapping[str, Any]) -> ActiveFault:
    return ActiveFault(
        fault=row["fault"],
        target=row.get("target", "*"),
        intensity=float(row.get("intensity", 1.0)),
        started_at=parse_time(row.get("started_at")),
        ends_at=parse_time(row.get("ends_at")),
        parameters=dict(row.get("parameters") or {}),
    )

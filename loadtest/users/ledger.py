"""The appointments confirmed to users, to compare with those that the assistant stores.

A confirmed booking that is missing is lost; a stored one that was not confirmed is an orphan. A request without an
answer explains an orphan: its result is unknown.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The fields of a ledger file.
_STORED = ("users", "before", "confirmed", "unsure", "unanswered")


@dataclass(frozen=True)
class Difference:
    """Ids of appointments that differ from the confirmations; `unanswered` explains as many orphans."""

    confirmed: int
    kept: int
    lost: tuple[str, ...]
    wrong_status: tuple[str, ...]
    orphans: tuple[str, ...]
    unanswered: int

    @property
    def none(self) -> bool:
        """Return whether the assistant stores exactly what it confirmed."""
        return not self.lost and not self.wrong_status and len(self.orphans) <= self.unanswered


@dataclass
class Ledger:
    """The appointments of all users of one Locust process, by id; without `keeping` it only counts them.

    Baseline users run for days, so only the ledger of a scenario keeps ids.
    """

    keeping: bool = True
    users: set[str] = field(default_factory=set)
    # Appointments from before the run.
    before: set[str] = field(default_factory=set)
    # id -> booked or cancelled.
    confirmed: dict[str, str] = field(default_factory=dict)
    # Ids that may be cancelled: the response was missing or a fallback reply.
    unsure: set[str] = field(default_factory=set)
    # Requests without a response, or with a fallback reply.
    unanswered: int = 0
    confirmations: int = 0
    cancellations: int = 0

    @classmethod
    def of(cls, environment: Any) -> "Ledger":
        """Return the ledger of a Locust environment; it keeps ids when LAB_LEDGER is set."""
        found: Ledger | None = getattr(environment, "lab_ledger", None)
        if found is None:
            found = environment.lab_ledger = cls(keeping=bool(os.environ.get("LAB_LEDGER")))
        return found

    def join(self, user: str) -> None:
        """Add a user."""
        if self.keeping:
            self.users.add(user)

    def found(self, appointment_ids: Iterable[str]) -> None:
        """Add appointments from before the run."""
        if self.keeping:
            self.before.update(one for one in appointment_ids if one not in self.confirmed)

    def record(self, appointment_id: str, status: str) -> None:
        """Record a confirmed booking or cancellation; it keeps no cancellation of an appointment from before."""
        self.confirmations += status == "booked"
        self.cancellations += status == "cancelled"
        self.unsure.discard(appointment_id)
        if self.keeping and (status == "booked" or appointment_id in self.confirmed):
            self.confirmed[appointment_id] = status

    def begin_request(self, appointment_id: str | None) -> None:
        """Record a request that may book, or cancel this appointment; its result is unknown until `end_request`."""
        self.unanswered += 1
        if self.keeping and appointment_id:
            self.unsure.add(appointment_id)

    def end_request(self, appointment_id: str | None) -> None:
        """Record the response of a request."""
        self.unanswered -= 1
        if appointment_id:
            self.unsure.discard(appointment_id)

    def document(self) -> dict[str, Any]:
        """Return the ledger for JSON; `read` is the inverse."""
        values = {name: getattr(self, name) for name in _STORED}
        return {name: sorted(value) if isinstance(value, set) else value for name, value in values.items()}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Ledger":
        """Return the ledger of a document; KeyError where a field is missing."""
        values = ((name, content[name]) for name in _STORED)
        fields: dict[str, Any] = {name: set(value) if isinstance(value, list) else value for name, value in values}
        return cls(**fields)

    def compare(self, kept: Iterable[Mapping[str, Any]]) -> Difference:
        """Return the difference to the appointments that the assistant lists for these users."""
        status = {str(row["id"]): str(row["status"]) for row in kept if row["id"] not in self.before}
        sure = ((one, expected) for one, expected in self.confirmed.items() if one not in self.unsure)
        wrong = (one for one, expected in sure if status.get(one, expected) != expected)
        return Difference(
            confirmed=len(self.confirmed),
            kept=len(status),
            lost=tuple(sorted(self.confirmed.keys() - status.keys())),
            wrong_status=tuple(sorted(wrong)),
            orphans=tuple(sorted(status.keys() - self.confirmed.keys())),
            unanswered=self.unanswered,
        )

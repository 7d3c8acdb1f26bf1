"""The appointments confirmed to users, to compare with those that the assistant stores.

A confirmed booking that is missing is lost; a stored one that was not confirmed is an orphan. A request without an
answer explains an orphan: its result is unknown.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """The appointments of all users of one Locust process, by id. Without `keeping` they are only counted.

    The baseline users go on for days; only a run that has an end keeps ids.
    """

    keeping: bool = True
    users: set[str] = field(default_factory=set)
    # Of earlier runs of the same users.
    before: set[str] = field(default_factory=set)
    # id -> booked or cancelled.
    confirmed: dict[str, str] = field(default_factory=dict)
    # Those that may have been cancelled: the answer never came, or was a fallback reply.
    unsure: set[str] = field(default_factory=set)
    # Requests without an answer, or with a fallback reply.
    unanswered: int = 0
    confirmations: int = 0
    cancellations: int = 0

    @classmethod
    def of(cls, environment: Any) -> "Ledger":
        """Return the one ledger of a Locust environment; it keeps ids where LAB_LEDGER names a file for them."""
        found: Ledger | None = getattr(environment, "lab_ledger", None)
        if found is None:
            found = environment.lab_ledger = cls(keeping=bool(os.environ.get("LAB_LEDGER")))
        return found

    def join(self, user: str) -> None:
        """Note that this user takes part."""
        if self.keeping:
            self.users.add(user)

    def found(self, appointment_ids: Iterable[str]) -> None:
        """Store the appointments that existed at the start, without those confirmed in this run."""
        if self.keeping:
            self.before.update(one for one in appointment_ids if one not in self.confirmed)

    def record(self, appointment_id: str, status: str) -> None:
        """Record a confirmation; cancelling an appointment of before is not counted."""
        self.confirmations += status == "booked"
        self.cancellations += status == "cancelled"
        self.unsure.discard(appointment_id)
        if self.keeping and (status == "booked" or appointment_id in self.confirmed):
            self.confirmed[appointment_id] = status

    def ask(self, appointment_id: str | None) -> None:
        """Note a wish that may book, or cancel this appointment; `answered` when its answer came.

        A user that is stopped in between leaves it so: the result is unknown.
        """
        self.unanswered += 1
        if self.keeping and appointment_id:
            self.unsure.add(appointment_id)

    def answered(self, appointment_id: str | None) -> None:
        """Note that the answer came."""
        self.unanswered -= 1
        if appointment_id:
            self.unsure.discard(appointment_id)

    def document(self) -> dict[str, Any]:
        """Return it for a JSON file; `read` takes it back."""
        return {
            "users": sorted(self.users),
            "before": sorted(self.before),
            "confirmed": self.confirmed,
            "unsure": sorted(self.unsure),
            "unanswered": self.unanswered,
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Ledger":
        """Return the ledger that `document` made."""
        ledger = cls(users=set(content["users"]), before=set(content["before"]), confirmed=dict(content["confirmed"]))
        ledger.unsure = set(content["unsure"])
        ledger.unanswered = int(content["unanswered"])
        return ledger

    def compare(self, kept: Iterable[Mapping[str, Any]]) -> Difference:
        """Compare with the appointments that the assistant lists for these users, whatever their status."""
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

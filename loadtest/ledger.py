"""What users were told about their appointments, to be compared with what the assistant really keeps.

A booking that was confirmed and is not there is lost; one that is there and was told to nobody is a stray. A stray is
explained where an answer never came: then nobody knows what was done.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Difference:
    """Ids of appointments that are not as users were told; `unanswered` explains as many strays."""

    confirmed: int
    kept: int
    lost: tuple[str, ...]
    wrong_status: tuple[str, ...]
    strays: tuple[str, ...]
    unanswered: int

    @property
    def none(self) -> bool:
        """Tell whether the assistant keeps exactly what it confirmed."""
        return not self.lost and not self.wrong_status and len(self.strays) <= self.unanswered


@dataclass
class Ledger:
    """The appointments of all users of one Locust process, by id. Without `keeping` they are only counted.

    The always-on users go on for days; only a run that has an end keeps ids.
    """

    keeping: bool = True
    users: set[str] = field(default_factory=set)
    # Left behind by earlier lives of the same users.
    before: set[str] = field(default_factory=set)
    # id -> booked or cancelled.
    told: dict[str, str] = field(default_factory=dict)
    # Those that may have been cancelled: the answer never came, or was an excuse.
    unsure: set[str] = field(default_factory=set)
    # Wishes to which no answer came, or an excuse.
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
        """Note what was there when a life began; what this run was told of is its own."""
        if self.keeping:
            self.before.update(one for one in appointment_ids if one not in self.told)

    def tell(self, appointment_id: str, status: str) -> None:
        """Note what a user was told of an appointment; cancelling what was there before is no news."""
        self.confirmations += status == "booked"
        self.cancellations += status == "cancelled"
        self.unsure.discard(appointment_id)
        if self.keeping and (status == "booked" or appointment_id in self.told):
            self.told[appointment_id] = status

    def ask(self, appointment_id: str | None) -> None:
        """Note a wish that may book, or cancel this appointment; `answered` when its answer came.

        Whoever is stopped in between leaves it as it is: nobody knows what was done.
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
            "told": self.told,
            "unsure": sorted(self.unsure),
            "unanswered": self.unanswered,
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "Ledger":
        """Return the ledger that `document` made."""
        ledger = cls(users=set(content["users"]), before=set(content["before"]), told=dict(content["told"]))
        ledger.unsure = set(content["unsure"])
        ledger.unanswered = int(content["unanswered"])
        return ledger

    def compare(self, kept: Iterable[Mapping[str, Any]]) -> Difference:
        """Compare with the appointments that the assistant lists for these users, whatever their status."""
        status = {str(row["id"]): str(row["status"]) for row in kept if row["id"] not in self.before}
        sure = ((one, told) for one, told in self.told.items() if one not in self.unsure)
        wrong = (one for one, told in sure if status.get(one, told) != told)
        return Difference(
            confirmed=len(self.told),
            kept=len(status),
            lost=tuple(sorted(self.told.keys() - status.keys())),
            wrong_status=tuple(sorted(wrong)),
            strays=tuple(sorted(status.keys() - self.told.keys())),
            unanswered=self.unanswered,
        )

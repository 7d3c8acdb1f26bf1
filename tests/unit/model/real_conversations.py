"""The conversations of real people in ../shared/data, replayed against the dialogue."""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from booking_world import Conversation, World

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "booking-dialogues.jsonl"
ZONE = ZoneInfo("America/Los_Angeles")
# All of them were held on this day, as their "today" and "tomorrow" show.
NOW = datetime(2019, 3, 1, 8, 0, tzinfo=ZONE)
_KINDS = {"hair stylist": "hair", "dentist": "dentist", "doctor": "doctor"}
_NAMES = ("stylist_name", "dentist_name", "doctor_name")


@dataclass(frozen=True)
class Outcome:
    """The result of one conversation."""

    id: str
    wanted: str | None  # local time of the booking in the data, None without one
    booked: str | None  # local time of the appointment at the end
    tried: tuple[str, ...]  # all times that book_appointment was called with
    handed_over: bool
    messages: list[dict[str, Any]]


def conversations() -> list[dict[str, Any]]:
    """Return all conversations."""
    return [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def replay(conversation: dict[str, Any]) -> Outcome:
    """Send the user's messages, independent of the replies."""
    kind = _KINDS[conversation["kind"][0]]
    bookings = [turn for turn in conversation["turns"] if "books" in turn]
    names = list(dict.fromkeys(turn["books"][key] for turn in bookings for key in _NAMES if key in turn["books"]))
    businesses = [_business(name, kind) for name in [*names, *(f"{kind.title()} Corner {n}" for n in range(1, 9))]]
    moments = [_moment(turn["books"]) for turn in bookings]
    # A time that another one followed was refused, even where the data have it as booked.
    taken = {moment: [later] for moment, later in pairwise(moments) if moment != later}
    if bookings and not bookings[-1]["books_ok"]:
        taken[moments[-1]] = []
    replayed = Conversation(World(NOW, businesses, taken))
    for turn in conversation["turns"]:
        if turn["speaker"] == "user":
            replayed.say(turn["text"])
    wanted = [turn["books"] for turn in bookings if turn["books_ok"]] if conversation["booked"] else []
    left = list(replayed.world.appointments.values())
    return Outcome(
        conversation["id"],
        _moment(wanted[-1]).isoformat() if wanted else None,
        left[-1]["starts_at"] if left else None,
        tuple(call["starts_at"] for call in replayed.called("book_appointment")),
        bool(replayed.called("hand_over")),
        replayed.messages,
    )


def _business(name: str, kind: str) -> dict[str, Any]:
    return {"id": name.lower().replace(" ", "-"), "name": name, "kind": kind, "city": "Oakland", "time_zone": str(ZONE)}


def _moment(books: dict[str, str]) -> datetime:
    return datetime.fromisoformat(f"{books['appointment_date']}T{books['appointment_time']}").replace(tzinfo=ZONE)

"""The conversations of real people in ../shared/data, replayed against the dialogue."""

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from booking_world import Talk, World

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "booking-dialogues.jsonl"
ZONE = ZoneInfo("America/Los_Angeles")
# All of them were held on this day, as their "today" and "tomorrow" show.
NOW = datetime(2019, 3, 1, 8, 0, tzinfo=ZONE)
_KINDS = {"hair stylist": "hair", "dentist": "dentist", "doctor": "doctor"}
_NAMES = ("stylist_name", "dentist_name", "doctor_name")


@dataclass(frozen=True)
class Outcome:
    """What became of one conversation."""

    id: str
    wanted: str | None  # local time of the booking that the people made, None when they made none
    booked: str | None  # local time of the appointment that stood at the end
    tried: tuple[str, ...]  # all times that book_appointment was called with
    handed_over: bool
    talk: Talk


def conversations() -> list[dict[str, Any]]:
    """All conversations."""
    return [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]


def replay(conversation: dict[str, Any]) -> Outcome:
    """Say what the person said, whatever the dialogue answers."""
    kind = _KINDS[conversation["kind"][0]]
    bookings = [turn for turn in conversation["turns"] if "books" in turn]
    names = list(dict.fromkeys(turn["books"][key] for turn in bookings for key in _NAMES if key in turn["books"]))
    businesses = [_business(name, kind) for name in [*names, *(f"{kind.title()} Corner {n}" for n in range(1, 9))]]
    moments = [_moment(turn["books"]) for turn in bookings]
    # A time that was followed by another one was refused, even where the data call it booked.
    taken = {moment: [later] for moment, later in pairwise(moments) if moment != later}
    if bookings and not bookings[-1]["books_ok"]:
        taken[moments[-1]] = []
    talk = Talk(World(NOW, businesses, taken))
    for turn in conversation["turns"]:
        if turn["speaker"] == "user":
            talk.say(turn["text"])
    wanted = [turn["books"] for turn in bookings if turn["books_ok"]] if conversation["booked"] else []
    left = list(talk.world.appointments.values())
    return Outcome(
        conversation["id"],
        _moment(wanted[-1]).isoformat() if wanted else None,
        left[-1]["starts_at"] if left else None,
        tuple(call["starts_at"] for call in talk.called("book_appointment")),
        bool(talk.called("hand_over")),
        talk,
    )


def _business(name: str, kind: str) -> dict[str, Any]:
    return {"id": name.lower().replace(" ", "-"), "name": name, "kind": kind, "city": "Oakland", "time_zone": str(ZONE)}


def _moment(books: dict[str, str]) -> datetime:
    return datetime.fromisoformat(f"{books['appointment_date']}T{books['appointment_time']}").replace(tzinfo=ZONE)

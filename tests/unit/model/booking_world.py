"""The assistant's tools over a few businesses, in memory, and a conversation with the dialogue."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

from services.model.dialogue import Answer, respond
from services.model.dialogue.vocabulary import find_known_city

TOOL_NAMES = (
    "find_business",
    "list_slots",
    "book_appointment",
    "list_my_appointments",
    "move_appointment",
    "cancel_appointment",
    "hand_over",
)
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in TOOL_NAMES]
MAX_STEPS = 8


@dataclass
class World:
    """Businesses, appointments and times that are not free."""

    now: datetime
    businesses: list[dict[str, Any]]
    # A time that is not free -> the alternatives.
    taken: dict[datetime, list[datetime]] = field(default_factory=dict)
    own_business: dict[str, Any] | None = None
    any_city: bool = True  # every business is found in every city
    nearby: bool = False  # a city without one finds those of other cities, as in the assistant
    appointments: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    made: int = 0

    def run(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run one tool."""
        self.calls.append((name, arguments))
        result: dict[str, Any] = getattr(self, name)(**arguments)
        return result

    def find_business(
        self, kind: str | None = None, city: str | None = None, name: str | None = None
    ) -> dict[str, Any]:
        found = self.businesses
        if name:
            found = [item for item in found if _alike(name, item["name"])]
        if kind:
            found = [item for item in found if item["kind"] == kind]
        if city and self.any_city:
            if find_known_city(city) is None and any(_alike(city, item["name"]) for item in self.businesses):
                return {"businesses": []}  # that is a name and no city
            found = [{**item, "city": city} for item in found]
        elif city:
            there = [item for item in found if item["city"] == city]
            found = there or (found if self.nearby else [])
        return {"businesses": found[:10]}

    def list_slots(
        self, business_id: str, date: str | None = None, after: str | None = None, provider: str | None = None
    ) -> dict[str, Any]:
        start = datetime.fromisoformat(after) if after else self.now
        if date:
            day = datetime.fromisoformat(date).replace(tzinfo=self.now.tzinfo)
            start = max(start, day)
            days = [day]
        else:
            days = [start.replace(hour=0, minute=0) + timedelta(days=ahead) for ahead in range(2)]
        slots = [day.replace(hour=9) + timedelta(minutes=15 * step) for day in days for step in range(40)]
        free = [slot for slot in slots if slot > start and slot not in self.taken]
        return {"business_id": business_id, "slots": [slot.isoformat() for slot in free][:40]}

    def book_appointment(
        self, business_id: str, starts_at: str, provider: str | None = None, service: str | None = None
    ) -> dict[str, Any]:
        refused = self._refusal(datetime.fromisoformat(starts_at))
        if refused:
            return refused
        if business_id not in [item["id"] for item in self.businesses]:
            return {"ok": False, "error": "unknown", "alternatives": []}
        self.made += 1
        business = next(item for item in self.businesses if item["id"] == business_id)
        appointment = {
            "id": f"apt-{self.made}",
            "business_id": business_id,
            "starts_at": starts_at,
            "business": business["name"],
        }
        self.appointments[appointment["id"]] = appointment
        return {"ok": True, "appointment": dict(appointment)}

    def list_my_appointments(self) -> dict[str, Any]:
        return {"appointments": [dict(item) for item in self.appointments.values()]}

    def move_appointment(self, appointment_id: str, starts_at: str) -> dict[str, Any]:
        refused = self._refusal(datetime.fromisoformat(starts_at))
        if refused:
            return refused
        self.appointments[appointment_id]["starts_at"] = starts_at
        return {"ok": True, "appointment": dict(self.appointments[appointment_id])}

    def cancel_appointment(self, appointment_id: str) -> dict[str, Any]:
        return {"ok": True, "appointment": self.appointments.pop(appointment_id)}

    def hand_over(self, reason: str) -> dict[str, Any]:
        return {"ok": True}

    def _refusal(self, moment: datetime) -> dict[str, Any] | None:
        if moment < self.now:
            return {"ok": False, "error": "past", "alternatives": []}
        if moment in self.taken:
            offered = [item.isoformat() for item in self.taken[moment]]
            return {"ok": False, "error": "taken", "alternatives": offered}
        if not 7 <= moment.hour < 20:
            return {"ok": False, "error": "closed", "alternatives": []}
        return None


@dataclass
class Conversation:
    """A conversation of a user with the dialogue."""

    world: World
    seed: int = 1
    messages: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        context = {"now": self.world.now.isoformat(), "business": self.world.own_business}
        self.messages.append({"role": "system", "content": f"You book appointments.\nCONTEXT {json.dumps(context)}"})

    def say(self, text: str) -> str:
        """Send a message, run tools until there is a reply, and return it."""
        self.messages.append({"role": "user", "content": text})
        for _ in range(MAX_STEPS):
            answer = respond(self.messages, TOOLS, seed=self.seed)
            if not answer.calls:
                self.messages.append({"role": "assistant", "content": answer.text})
                return answer.text
            self._run(answer)
        raise AssertionError(f"no reply after {MAX_STEPS} tool calls: {self.messages[-1]}")

    def _run(self, answer: Answer) -> None:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.calls
        ]
        self.messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        for call in answer.calls:
            result = self.world.run(call.name, json.loads(call.arguments))
            self.messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(result)})

    def called(self, name: str) -> list[dict[str, Any]]:
        """Return the arguments of the calls of one tool."""
        return [arguments for tool, arguments in self.world.calls if tool == name]


def _alike(said: str, name: str) -> bool:
    """Return whether half of the words are shared or the spelling is similar, as in the assistant's search."""
    said_words, name_words = _words(said), _words(name)
    shared = len(said_words & name_words)
    return 2 * shared > len(said_words) or SequenceMatcher(None, said.lower(), name.lower()).ratio() > 0.75


def _words(text: str) -> set[str]:
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.lower().replace("'", ""))
    return set(cleaned.split()) - {"dr", "the", "of", "and", "md", "m", "d"}

"""The system prompt."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

from services.assistant.appointments.business import Business

# Of most of the lab's businesses: the zone of "tomorrow" in a conversation without a business.
DEFAULT_ZONE = ZoneInfo("America/Los_Angeles")

_RULES = """\
You are the booking assistant of several businesses: hair stylists, dentists, doctors and therapists.
Help the user to find a business, to see free times, and to book, move or cancel an appointment.
Use the tools for every fact about businesses, times and appointments; never invent one.
Ask for what is missing: kind of business, city, day, time. Confirm day, time and place before you book.
Times in tool calls are RFC 3339 with the offset of the business's time zone; say them to the user in plain words.
When a time is not free, offer the alternatives that the tool gave. Say the note of a tool to the user.
When the user asks for a person, or you cannot help, call hand_over.
Give no medical advice. Answer in the language of the user, in at most three sentences."""


def system_prompt(business: Business | None) -> str:
    """Return the system message; its last line is `CONTEXT` with the time and the current business as JSON."""
    now = datetime.now(business.zone if business else DEFAULT_ZONE)
    context = {"now": now.isoformat(timespec="seconds"), "business": business.identity() if business else None}
    return f"{_RULES}\nCONTEXT {json.dumps(context, separators=(',', ':'))}"

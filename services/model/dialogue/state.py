"""The state of a conversation, rebuilt from its messages for every response."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final, Literal

from services.model.dialogue.text import read_zone, word_set

Json = dict[str, Any]
Goal = Literal["book", "move", "cancel", "list"]

# Acts after which a new request begins.
ENDINGS: Final = word_set("booked moved cancelled kept bye welcome anything_else no_appointments")
# Acts after which a yes books.
BOOKING_QUESTIONS: Final = word_set("confirm confirm_offer taken closed")
# Acts that offer other times after a refusal, and all acts that offer times.
REFUSALS: Final = word_set("taken closed")
TIME_OFFERS: Final = REFUSALS | word_set("slots next_slots")


@dataclass(frozen=True)
class ParsedMessage:
    """The parsed user message."""

    text: str = ""
    intents: frozenset[str] = frozenset()
    topics: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()
    negated_dates: tuple[date, ...] = ()  # "from Tuesday", "not the 5th"
    times: tuple[time, ...] = ()
    part: str | None = None
    kind: str | None = None
    city: str | None = None
    name: str | None = None
    choice: int | None = None
    is_period: bool = False  # the date is the first day of a week or weekend
    to_date: bool = False  # the last date follows "to": the new date of an appointment
    agreed: bool = False  # a plain yes to the question
    refused: bool = False  # a plain no to the question
    understood: bool = True

    @property
    def has_moment(self) -> bool:
        """Whether the message has a date or a time."""
        return bool(self.dates or self.times)


@dataclass
class Request:
    """The requested appointment."""

    kind: str | None = None
    city: str | None = None
    any_city: bool = False
    name: str | None = None  # a business as the user wrote it, not yet searched
    unknown: str | None = None  # a name without a search result
    business: Json | None = None  # accepted
    offered: Json | None = None  # proposed, not yet accepted
    skipped: int = 0  # number of rejected candidates
    day: date | None = None
    clock: time | None = None
    part: str | None = None
    after: datetime | None = None  # the earliest time to offer
    soonest: bool = False
    service: str | None = None
    provider: str | None = None


@dataclass(frozen=True)
class Utterance:
    """An act with the fields of its wording, after the `remarks`."""

    act: str
    fields: dict[str, str] = field(default_factory=dict)
    remarks: tuple["Utterance", ...] = ()

    def after(self, *remarks: "Utterance") -> "Utterance":
        """Return the utterance with further remarks before it."""
        return Utterance(self.act, self.fields, (*remarks, *self.remarks))


@dataclass(frozen=True)
class ToolUse:
    """A call of a tool, with its result once there is one."""

    name: str
    arguments: Json = field(default_factory=dict)
    result: Json = field(default_factory=dict)


Action = Utterance | ToolUse


@dataclass
class State:
    """The conversation up to its last message."""

    now: datetime
    own_business: Json | None = None  # the business that the assistant represents
    goal: Goal | None = None
    request: Request = field(default_factory=Request)
    parsed: ParsedMessage = field(default_factory=ParsedMessage)
    last_act: str | None = None
    options: list[datetime] = field(default_factory=list)  # times offered last
    searches: list[tuple[Json, list[Json]]] = field(default_factory=list)  # arguments of find_business, businesses
    appointments: list[Json] | None = None  # the user's, once listed
    target: Json | None = None  # the appointment to move or cancel
    target_dates: list[date] = field(default_factory=list)  # dates that may identify the appointment
    calls: list[ToolUse] = field(default_factory=list)  # since the last user message, with results
    proposed: tuple[date | None, time | None, str] | None = None  # day, time and business of the last confirmation
    repeats: int = 0  # consecutive repetitions of the last act
    misses: int = 0  # consecutive user messages that were not understood

    @property
    def zone(self) -> tzinfo:
        """Time zone of the user's words: that of the business."""
        business = self.request.business or self.own_business or {}
        return read_zone(business.get("time_zone"), self.now.tzinfo or UTC)

    @property
    def today(self) -> date:
        """Current date of the user."""
        return self.now.date()

    @property
    def business(self) -> Json:
        """The current business, or an empty object."""
        return self.request.business or self.request.offered or self.own_business or {}

    @property
    def business_name(self) -> str:
        """Name of the current business, or a noun in its place."""
        return str(self.business.get("name") or "the office")

    @property
    def wished_moment(self) -> datetime | None:
        """Day and time of the request, once it has both."""
        request = self.request
        return datetime.combine(request.day, request.clock, self.zone) if request.day and request.clock else None

    def offers(self, day: date | None, clock: time | None) -> bool:
        """Return whether this day and time is one of the options."""
        return any((option.date(), option.time()) == (day, clock) for option in self.options)

    def result_of(self, name: str) -> Json | None:
        """Return the result of the last call of that tool since the last user message, or None."""
        return next((call.result for call in reversed(self.calls) if call.name == name), None)

"""What is known of a conversation at one moment; always rebuilt from its messages."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from services.model.dialogue.text import read_zone

Json = dict[str, Any]

# Acts after which a new request begins.
ENDINGS = frozenset(("booked", "moved", "cancelled", "kept", "bye", "welcome", "anything_else", "no_appointments"))
# Acts to which a yes books.
ASKED_FOR_YES = frozenset(("confirm", "confirm_offer", "taken", "closed"))
# Acts that offer other times after a refusal.
REFUSALS = frozenset(("taken", "closed"))
BOOK, MOVE, CANCEL, LIST = "book", "move", "cancel", "list"


@dataclass(frozen=True)
class Call:
    """A tool call and, once it came back, what it gave."""

    name: str
    arguments: Json
    result: Json | None = None


@dataclass(frozen=True)
class ParsedMessage:
    """What the last user message was understood to say."""

    text: str = ""
    intents: frozenset[str] = frozenset()
    topics: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()
    left_dates: tuple[date, ...] = ()  # named only to be replaced: "from Tuesday", "not the 5th"
    times: tuple[time, ...] = ()
    part: str | None = None
    kind: str | None = None
    city: str | None = None
    name: str | None = None
    choice: int | None = None
    weeks: bool = False  # the date is the first of a week or weekend, none in particular
    to_date: bool = False  # the last date follows "to": where an appointment is to be moved
    agreed: bool = False  # a plain yes to what was asked
    refused: bool = False  # a plain no to what was asked
    understood: bool = True


@dataclass
class Request:
    """The appointment that is being arranged."""

    kind: str | None = None
    city: str | None = None
    any_city: bool = False
    name: str | None = None  # a business as the person wrote it, not yet looked up
    unknown: str | None = None  # a name that was looked up in vain
    business: Json | None = None  # accepted
    offered: Json | None = None  # proposed, not accepted yet
    skipped: int = 0  # how many candidates were turned down
    day: date | None = None
    clock: time | None = None
    part: str | None = None
    after: datetime | None = None  # look for free times from here on
    soonest: bool = False
    service: str | None = None
    provider: str | None = None


@dataclass
class State:
    """The conversation so far."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    own_business: Json | None = None  # the business in whose name the assistant speaks
    goal: str | None = None
    request: Request = field(default_factory=Request)
    parsed: ParsedMessage = field(default_factory=ParsedMessage)
    last_act: str | None = None
    options: list[datetime] = field(default_factory=list)  # times offered last
    finds: dict[str, list[Json]] = field(default_factory=dict)  # find_business arguments as JSON -> businesses
    appointments: list[Json] | None = None  # the person's own, once listed
    target: Json | None = None  # the appointment to move or cancel
    said_dates: list[date] = field(default_factory=list)  # dates that may identify the appointment
    calls: list[Call] = field(default_factory=list)  # tool calls since the last user message
    proposed: tuple[date | None, time | None, str] | None = None  # what was put to the person for a yes
    repeats: int = 0  # how often in a row the same thing was said again
    misses: int = 0  # user messages in a row that were not understood

    @property
    def zone(self) -> tzinfo:
        """Time zone in which the person's words are meant: the business's."""
        business = self.request.business or self.own_business or {}
        return read_zone(business.get("time_zone"), self.now.tzinfo or UTC)

    @property
    def today(self) -> date:
        """The date of the person's words."""
        return self.now.date()

    @property
    def business_name(self) -> str:
        """Return the name of the current business, or words in its place."""
        business = self.request.business or self.request.offered or self.own_business or {}
        return str(business.get("name") or "the office")

    def result_of(self, name: str) -> Json | None:
        """Return what the last call of that tool in this turn gave, or None."""
        return next(
            (call.result for call in reversed(self.calls) if call.name == name and call.result is not None), None
        )


@dataclass(frozen=True)
class Utterance:
    """An utterance: this act with these fields, after the `remarks`."""

    act: str
    fields: dict[str, str] = field(default_factory=dict)
    remarks: tuple["Utterance", ...] = ()

    def after(self, *remarks: "Utterance") -> "Utterance":
        """Return the same with remarks before it."""
        return Utterance(self.act, self.fields, (*remarks, *self.remarks))


@dataclass(frozen=True)
class ToolUse:
    """Call this tool with these arguments."""

    tool: str
    arguments: Json = field(default_factory=dict)


Action = Utterance | ToolUse

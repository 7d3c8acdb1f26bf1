"""The data of one turn: the conversation before it, what its tools did, and the answer."""

from dataclasses import dataclass, field
from typing import Any

from services.assistant.appointments.booking import Appointment
from services.assistant.appointments.business import Business

Message = dict[str, Any]


@dataclass
class Conversation:
    """A conversation before this turn."""

    id: str
    user_id: str
    is_new: bool
    messages: list[Message] = field(default_factory=list)
    business: Business | None = None
    booked: bool = False
    handed_over: bool = False
    failed_before: bool = False  # the last turn was answered without the model


@dataclass
class Turn:
    """One turn: its messages, and what its tools did."""

    id: str
    user_id: str
    business: Business | None = None
    messages: list[Message] = field(default_factory=list)
    appointment: Appointment | None = None
    action: str | None = None  # booked | moved | cancelled: what was done to `appointment`
    handoff: str | None = None  # its reason
    tools: list[str] = field(default_factory=list)


@dataclass
class Answer:
    """The answer to the user. `outcome` is ok or fallback, tokens are those of all model calls of the turn."""

    conversation_id: str
    message_id: str
    model: str
    reply: str = ""
    outcome: str = "ok"
    business: Business | None = None
    handoff: str | None = None
    appointment: dict[str, Any] | None = None
    input_tokens: int = 0
    output_tokens: int = 0

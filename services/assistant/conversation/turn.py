"""The data of a conversation and of its current turn."""

from dataclasses import dataclass, field
from typing import Any

from services.assistant.appointments.booking import Appointment
from services.assistant.appointments.business import Business
from services.assistant.storage.tables import new_id

Message = dict[str, Any]


@dataclass(frozen=True)
class UserMessage:
    """A message of a user, as the request states it.

    Without `conversation_id` a conversation begins; a guest has no `user_id`.
    """

    text: str
    conversation_id: str | None = None
    business: Business | None = None
    user_id: str | None = None


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
    """One turn: the user's message, what the tools did, and the reply. Tokens are those of all its model calls."""

    conversation: Conversation
    model: str  # the requested model, then the one that answered
    business: Business | None
    id: str = field(default_factory=new_id)
    messages: list[Message] = field(default_factory=list)
    reply: str = ""
    outcome: str = "ok"  # ok | fallback
    appointment: Appointment | None = None
    action: str | None = None  # booked | moved | cancelled: what was done to `appointment`
    handoff: str | None = None  # its reason
    tools: list[str] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def user_id(self) -> str:
        """The user of the conversation."""
        return self.conversation.user_id

    @property
    def business_id(self) -> str | None:
        """The business that the turn is about; None without one."""
        return self.business.id if self.business else None

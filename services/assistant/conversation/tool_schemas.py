"""The tools in the form of the OpenAI API: names, descriptions, arguments. The model reads them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_START = "RFC 3339; without an offset the business's local time, of a time that exists twice the first"


class Arguments(BaseModel):
    """Base class of the tools' arguments."""

    # Models add invented fields.
    model_config = ConfigDict(extra="ignore")


class FindBusiness(Arguments):
    """Find businesses by kind, city and (part of) a name of a business or a person who works there."""

    kind: str | None = Field(default=None, description="hair, dentist, doctor or therapist")
    city: str | None = None
    name: str | None = None


class ListSlots(Arguments):
    """List free times of a business, of one day or of the next days that have any."""

    business_id: str
    date: str | None = Field(default=None, description="YYYY-MM-DD")
    after: str | None = Field(default=None, description="earliest time: RFC 3339, or HH:MM of that day")
    provider: str | None = Field(default=None, description="id or name of a person who works there")


class BookAppointment(Arguments):
    """Book an appointment for the user."""

    business_id: str
    starts_at: str = Field(description=_START)
    provider: str | None = None
    service: str | None = Field(default=None, max_length=120)


class ListMyAppointments(Arguments):
    """List the coming appointments of the user."""


class MoveAppointment(Arguments):
    """Move an appointment of the user to another time."""

    appointment_id: str
    starts_at: str = Field(description=_START)


class CancelAppointment(Arguments):
    """Cancel an appointment of the user."""

    appointment_id: str


class HandOver(Arguments):
    """Give the conversation to a human: the user asks for one, or you cannot help."""

    reason: str = Field(default="asked", description="asked or confused")


TOOLS: dict[str, type[Arguments]] = {
    "find_business": FindBusiness,
    "list_slots": ListSlots,
    "book_appointment": BookAppointment,
    "list_my_appointments": ListMyAppointments,
    "move_appointment": MoveAppointment,
    "cancel_appointment": CancelAppointment,
    "hand_over": HandOver,
}


def _definition(name: str, arguments: type[Arguments]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    description = schema.pop("description", "")
    schema.pop("title", None)
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


DEFINITIONS = [_definition(name, arguments) for name, arguments in TOOLS.items()]

"""The tools in the form of the OpenAI API: names, descriptions, arguments. The model reads them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

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
    service: str | None = Field(default=None, max_length=120, description="at most 120 characters")


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

    reason: str | None = Field(default=None, description="asked or confused")


TOOLS: dict[str, type[Arguments]] = {
    "find_business": FindBusiness,
    "list_slots": ListSlots,
    "book_appointment": BookAppointment,
    "list_my_appointments": ListMyAppointments,
    "move_appointment": MoveAppointment,
    "cancel_appointment": CancelAppointment,
    "hand_over": HandOver,
}


class _PlainSchema(GenerateJsonSchema):
    """Generates types, descriptions and required members only: strict providers refuse `anyOf`, `default` and limits.

    A model leaves an optional argument out; null is still accepted.
    """

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the type without null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of the type without its default."""
        return self.generate_inner(schema["schema"])

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:  # noqa: ARG002
        """Return the schema of a string without its limits."""
        return {"type": "string"}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """Return False: a title repeats the member's name."""
        return False


def _definition(name: str, arguments: type[Arguments]) -> dict[str, Any]:
    schema = arguments.model_json_schema(schema_generator=_PlainSchema)
    description = schema.pop("description", "")
    schema.pop("title", None)
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


DEFINITIONS = [_definition(name, arguments) for name, arguments in TOOLS.items()]

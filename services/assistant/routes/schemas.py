"""Bodies, queries and answers of the assistant's API; the OpenAPI document is made from them."""

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    StringConstraints,
    model_validator,
)

from services.assistant.appointments.timeparse import Day, Instant
from services.web.bodies import StrictModel

_ID = r"^[A-Za-z0-9][A-Za-z0-9._:@+-]*$"
Identifier = Annotated[StrictStr, StringConstraints(min_length=1, max_length=64, pattern=_ID)]
UserId = Annotated[StrictStr, StringConstraints(min_length=1, max_length=64)]


def _whole(value: object) -> object:
    """JSON knows one kind of number: 21.0 is as whole as 21."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]
Kind = Literal["hair", "dentist", "doctor", "therapist"]
_MESSAGE = "I need a haircut in San Francisco tomorrow afternoon"


class ChatRequest(StrictModel):
    """A message of a user."""

    model_config = ConfigDict(json_schema_extra={"example": {"message": _MESSAGE, "user_id": "visitor-7"}})

    message: Annotated[StrictStr, StringConstraints(min_length=1, max_length=4000, pattern=r"\S")]
    conversation_id: Identifier | None = None
    business_id: Identifier | None = None
    user_id: UserId | None = None


class AppointmentDocument(BaseModel):
    """An appointment; times are in the zone of the business."""

    id: str
    business_id: str
    provider_id: str
    provider: str
    service: str | None
    starts_at: str = Field(json_schema_extra={"format": "date-time"})
    ends_at: str = Field(json_schema_extra={"format": "date-time"})
    status: Literal["booked", "cancelled"]


class NamedAppointment(AppointmentDocument):
    """An appointment with the name of the business."""

    business: str | None = None


class Usage(BaseModel):
    """Tokens that an answer took."""

    input_tokens: int
    output_tokens: int


class ChatResponse(BaseModel):
    """The answer. `outcome` is fallback when the model could not be asked."""

    conversation_id: str
    message_id: str
    reply: str
    outcome: Literal["ok", "fallback"]
    handoff: bool
    appointment: NamedAppointment | None
    model: str
    usage: Usage
    trace_id: str | None


class BusinessQuery(StrictModel):
    """Which businesses to list."""

    kind: Kind | None = None
    region: Annotated[str, StringConstraints(max_length=32)] | None = None
    limit: int = Field(default=100, ge=1, le=200)
    include_probes: bool = Field(default=False, description="Also the businesses of the lab's own checks.")


class ProviderDocument(BaseModel):
    """A person who takes appointments."""

    id: str
    name: str


class BusinessDocument(BaseModel):
    """A business."""

    id: str
    name: str
    kind: Kind
    city: str
    region: str
    time_zone: str
    address: str
    phone: str
    services: list[str]
    appointment_minutes: int = Field(validation_alias="minutes")
    providers: list[ProviderDocument]


class BusinessList(BaseModel):
    """Businesses."""

    businesses: list[BusinessDocument]


class BusinessPath(BaseModel):
    """A business in an address."""

    business_id: str = Field(max_length=64, json_schema_extra={"example": "bayview-dental-care"})


class SlotQuery(StrictModel):
    """Which free times to list; without a date those of the next days that have any."""

    date: Day | None = None
    provider_id: Annotated[str, StringConstraints(max_length=64)] | None = None


class SlotList(BaseModel):
    """Free starting times, in the zone of the business."""

    business_id: str
    time_zone: str
    slots: list[str]


class AppointmentQuery(StrictModel):
    """Which appointments to list. `after` is the `next` of the page before."""

    business_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    user_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    limit: int = Field(default=50, ge=1, le=200)
    after: Annotated[str, StringConstraints(max_length=64)] | None = None


class AppointmentList(BaseModel):
    """Appointments in the order of their times."""

    appointments: list[AppointmentDocument]
    next: str | None


class BookingHeader(StrictModel):
    """What makes a repeated booking safe."""

    # Every header of the request comes in here.
    model_config = ConfigDict(extra="ignore")

    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] | None = Field(
        default=None,
        alias="Idempotency-Key",
        description="The same key with the same body gives the same appointment, however often it is sent.",
    )


class BookingRequest(StrictModel):
    """A wish for an appointment."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"business_id": "lab-doctor", "starts_at": "2027-01-29T09:00:00-08:00", "user_id": "visitor-7"}
        }
    )

    business_id: Identifier
    provider_id: Identifier | None = None
    starts_at: Instant
    user_id: UserId
    service: Annotated[StrictStr, StringConstraints(min_length=1, max_length=120)] | None = None


class MoveRequest(StrictModel):
    """Another time for an appointment."""

    model_config = ConfigDict(json_schema_extra={"example": {"starts_at": "2027-01-29T10:00:00-08:00"}})

    starts_at: Instant


class AppointmentPath(BaseModel):
    """An appointment in an address."""

    appointment_id: str = Field(max_length=64)


class PredictRequest(StrictModel):
    """What is known about an appointment."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"lead_time_hours": 48, "hour_of_day": 9, "day_of_week": 0, "previous_no_shows": 1, "age": 34}
        }
    )

    lead_time_hours: float = Field(ge=0, le=24 * 366, strict=True, allow_inf_nan=False)
    hour_of_day: WholeNumber = Field(ge=0, le=23)
    day_of_week: WholeNumber = Field(ge=0, le=6, description="0 is Monday")
    previous_no_shows: WholeNumber = Field(ge=0, le=100)
    age: float | None = Field(default=None, ge=0, le=130, strict=True, allow_inf_nan=False)
    business_id: Identifier | None = None


class PredictResponse(BaseModel):
    """Whether the person will come; `probability` is that of not coming."""

    prediction: Literal["show", "no_show"]
    probability: float
    model_version: str
    prediction_id: str


class FeedbackRequest(StrictModel):
    """What a user thought of an answer (message_id) or of a conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"conversation_id": "2f1c6c1e-5f3b-4bb0-9c36-0d3b9f4f9d10", "stars": 5},
            "anyOf": [
                {"required": ["message_id"], "properties": {"message_id": {"type": "string"}}},
                {"required": ["conversation_id"], "properties": {"conversation_id": {"type": "string"}}},
            ],
        }
    )

    message_id: Identifier | None = None
    conversation_id: Identifier | None = None
    stars: WholeNumber = Field(ge=1, le=5)
    comment: Annotated[StrictStr, StringConstraints(max_length=1000)] | None = None

    @model_validator(mode="after")
    def _about_something(self) -> "FeedbackRequest":
        if self.message_id is None and self.conversation_id is None:
            raise ValueError("message_id or conversation_id is required")
        return self


class Created(BaseModel):
    """The id of what was kept."""

    id: str


class TrackRequest(StrictModel):
    """Something that a business did with the assistant."""

    model_config = ConfigDict(json_schema_extra={"example": {"business_id": "lab-doctor", "event": "page_view"}})

    business_id: Identifier
    event: Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
    value: float | None = Field(default=None, strict=True, allow_inf_nan=False)

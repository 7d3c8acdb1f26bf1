"""Bodies, queries and responses of the assistant's API; the OpenAPI document describes them."""

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
    """Return 21 for 21.0: JSON has one type of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WholeNumber = Annotated[StrictInt, BeforeValidator(_whole)]
Kind = Literal["hair", "dentist", "doctor", "therapist"]
_MESSAGE = "I need a haircut in San Francisco tomorrow afternoon"


class ChatRequest(StrictModel, json_schema_extra={"example": {"message": _MESSAGE, "user_id": "visitor-7"}}):
    """A message of a user."""

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
    """Tokens of an answer."""

    input_tokens: int
    output_tokens: int


class ChatResponse(BaseModel):
    """The answer; `outcome` is fallback for a reply without the model."""

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
    """Filters of a list of businesses."""

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
    """A path with a business."""

    business_id: str = Field(max_length=64, json_schema_extra={"example": "bayview-dental-care"})


class SlotQuery(StrictModel):
    """Filters of a list of free times; without a date it has those of the next days that have any."""

    date: Day | None = None
    provider_id: Annotated[str, StringConstraints(max_length=64)] | None = None


class SlotList(BaseModel):
    """Free starting times, in the zone of the business."""

    business_id: str
    time_zone: str
    slots: list[str]


class AppointmentQuery(StrictModel):
    """Filters of a list of appointments: business or user, or both. `after` is the `next` of the page before."""

    business_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    user_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    limit: int = Field(default=50, ge=1, le=200)
    after: Annotated[str, StringConstraints(max_length=64)] | None = None


class AppointmentList(BaseModel):
    """Appointments in the order of their times."""

    appointments: list[AppointmentDocument]
    next: str | None


class BookingHeader(StrictModel, extra="ignore"):
    """The header that makes a repeated booking safe; the other headers of the request are ignored."""

    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")] | None = Field(
        default=None,
        alias="Idempotency-Key",
        description="The same key with the same body gives the same appointment, however often it is sent.",
    )


_BOOKING = {"business_id": "lab-doctor", "starts_at": "2027-01-29T09:00:00-08:00", "user_id": "visitor-7"}


class BookingRequest(StrictModel, json_schema_extra={"example": _BOOKING}):
    """An appointment to book."""

    business_id: Identifier
    provider_id: Identifier | None = None
    starts_at: Instant
    user_id: UserId
    service: Annotated[StrictStr, StringConstraints(min_length=1, max_length=120)] | None = None


class MoveRequest(StrictModel, json_schema_extra={"example": {"starts_at": "2027-01-29T10:00:00-08:00"}}):
    """Another time for an appointment."""

    starts_at: Instant


class AppointmentPath(BaseModel):
    """A path with an appointment."""

    appointment_id: str = Field(max_length=64)


_FEATURES = {"lead_time_hours": 48, "hour_of_day": 9, "day_of_week": 0, "previous_no_shows": 1, "age": 34}


class PredictRequest(StrictModel, json_schema_extra={"example": _FEATURES}):
    """The features of an appointment."""

    lead_time_hours: float = Field(ge=0, le=24 * 366, strict=True, allow_inf_nan=False)
    hour_of_day: WholeNumber = Field(ge=0, le=23)
    day_of_week: WholeNumber = Field(ge=0, le=6, description="0 is Monday")
    previous_no_shows: WholeNumber = Field(ge=0, le=100)
    age: float | None = Field(default=None, ge=0, le=130, strict=True, allow_inf_nan=False)
    business_id: Identifier | None = None


class PredictResponse(BaseModel):
    """The prediction; `probability` is that of a no-show."""

    prediction: Literal["show", "no_show"]
    probability: float
    model_version: str
    prediction_id: str


class FeedbackRequest(StrictModel):
    """A user's rating of an answer (message_id) or of a conversation."""

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
    """The id of what was stored."""

    id: str


class TrackRequest(StrictModel, json_schema_extra={"example": {"business_id": "lab-doctor", "event": "page_view"}}):
    """A usage event of a business."""

    business_id: Identifier
    event: Annotated[StrictStr, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]
    value: float | None = Field(default=None, strict=True, allow_inf_nan=False)


class Status(BaseModel):
    """The status in one word."""

    status: str


class Uptime(BaseModel):
    """Time since the start."""

    seconds: float
    hours: float
    days: float
    started_at: str


class System(BaseModel):
    """Resources of the process."""

    memory_usage_mb: float
    cpu_percent: float
    process_id: int


class RequestFigures(BaseModel):
    """Responses since the start; `failed` are those of 400 and above."""

    total: int
    failed: int
    error_rate_percent: float
    last_request: str | None


class HealthChecks(BaseModel):
    """State of the dependencies."""

    database_connected: bool
    prometheus_enabled: bool
    metrics_tracking: bool


class DetailedHealth(BaseModel):
    """State of the service."""

    status: Literal["healthy", "degraded"]
    service: str
    version: str
    timestamp: str
    environment: str
    uptime: Uptime
    system: System
    requests: RequestFigures
    health_checks: HealthChecks


class TokenFigures(BaseModel):
    """Tokens since the start."""

    input: int
    output: int


class AppointmentFigures(BaseModel):
    """Appointments since the start."""

    booked: int
    moved: int
    cancelled: int


class Stats(BaseModel):
    """Totals since the start."""

    tokens: TokenFigures
    cost_dollars: float
    appointments: AppointmentFigures
    handoffs: int

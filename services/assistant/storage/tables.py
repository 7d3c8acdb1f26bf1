"""The tables of the assistant's database.

The migrations create the schema; a test compares the two.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.storage.types import UtcDateTime


def new_id() -> str:
    """Return a random id."""
    return str(uuid.uuid4())


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base class of all tables."""

    type_annotation_map = {datetime: UtcDateTime}  # noqa: RUF012 - as SQLAlchemy documents it


class Record:
    """Columns of a row that the assistant creates: a random id and the time of creation."""

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(default=_now)


class BusinessRow(Base):
    """A business whose calendar the assistant keeps."""

    __tablename__ = "businesses"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(16))
    city: Mapped[str] = mapped_column(String(64))
    region: Mapped[str] = mapped_column(String(32))
    time_zone: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(160))
    phone: Mapped[str] = mapped_column(String(32))
    minutes: Mapped[int]  # length of an appointment
    services: Mapped[list[str]] = mapped_column(JSON)
    hours: Mapped[dict[str, list[int]]] = mapped_column(JSON)  # weekday 0-6 -> minutes after midnight [opens, closes]


class ProviderRow(Base):
    """A person of a business who takes appointments."""

    __tablename__ = "providers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))


class AppointmentRow(Record, Base):
    """An appointment; `status` is booked or cancelled."""

    __tablename__ = "appointments"
    __table_args__ = (
        UniqueConstraint("idempotency_key", name="uq_appointments_idempotency_key"),
        Index("ix_appointments_business_starts", "business_id", "starts_at"),
        Index("ix_appointments_user_starts", "user_id", "starts_at"),
        Index("ix_appointments_starts_id", "starts_at", "id"),
    )

    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    user_id: Mapped[str] = mapped_column(String(64))
    service: Mapped[str | None] = mapped_column(String(120))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    updated_at: Mapped[datetime] = mapped_column(default=_now, onupdate=_now)
    # Hash of user and key: the same key of two users is two keys.
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    request_hash: Mapped[str | None] = mapped_column(String(64))


class BusyTime(Base):
    """A quarter of an hour in which a provider has an appointment.

    Its primary key makes a double booking impossible: two appointments that overlap need the same row, and the
    database stores it once. Cancelling deletes the rows, which frees the time.
    """

    __tablename__ = "busy_times"

    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), primary_key=True)
    quarter: Mapped[datetime] = mapped_column(primary_key=True)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointments.id"), index=True)


class ConversationRow(Record, Base):
    """A conversation of one user."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_created", "created_at"),)

    user_id: Mapped[str] = mapped_column(String(64))


class TurnRow(Record, Base):
    """One message of the user, with all messages until the reply.

    `messages` is sent to the model again: user, tool calls, tool results and reply in the form of the OpenAI API. A
    turn is written once and never changed.
    """

    __tablename__ = "turns"
    __table_args__ = (
        Index("ix_turns_conversation_created", "conversation_id", "created_at"),
        Index("ix_turns_created", "created_at"),
    )

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    business_id: Mapped[str | None] = mapped_column(String(64))
    messages: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    outcome: Mapped[str] = mapped_column(String(16))
    booked: Mapped[bool] = mapped_column(default=False)
    handoff: Mapped[str | None] = mapped_column(String(16))  # its reason
    model: Mapped[str] = mapped_column(String(120))
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]


class PredictionRow(Record, Base):
    """One prediction of the no-show model."""

    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_created", "created_at"),)

    features: Mapped[dict[str, Any]] = mapped_column(JSON)
    prediction: Mapped[str] = mapped_column(String(16))
    probability: Mapped[float]
    model_version: Mapped[str] = mapped_column(String(64))
    business_id: Mapped[str | None] = mapped_column(String(64))


class FeedbackRow(Record, Base):
    """A user's rating of an answer or of a conversation."""

    __tablename__ = "feedback"

    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    turn_id: Mapped[str | None] = mapped_column(ForeignKey("turns.id"), index=True)
    stars: Mapped[int]
    comment: Mapped[str | None] = mapped_column(Text)


class UsageRow(Record, Base):
    """One usage event of a business."""

    __tablename__ = "usage_events"
    __table_args__ = (Index("ix_usage_events_business_created", "business_id", "created_at"),)

    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    event: Mapped[str] = mapped_column(String(64))
    value: Mapped[float | None]

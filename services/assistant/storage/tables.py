"""The tables of the assistant's database.

The migrations create the schema; a test holds the two equal.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.storage.types import UtcDateTime


class Base(DeclarativeBase):
    """Parent of all tables."""


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
    minutes: Mapped[int] = mapped_column(Integer)  # length of an appointment
    services: Mapped[list[str]] = mapped_column(JSON)
    hours: Mapped[dict[str, list[int]]] = mapped_column(JSON)  # weekday 0-6 -> minutes after midnight [opens, closes]


class ProviderRow(Base):
    """A person of a business who takes appointments."""

    __tablename__ = "providers"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))


class AppointmentRow(Base):
    """An appointment; `status` is booked or cancelled."""

    __tablename__ = "appointments"
    __table_args__ = (
        UniqueConstraint("idempotency_key", name="uq_appointments_idempotency_key"),
        Index("ix_appointments_business_starts", "business_id", "starts_at"),
        Index("ix_appointments_user_starts", "user_id", "starts_at"),
        Index("ix_appointments_starts_id", "starts_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"))
    user_id: Mapped[str] = mapped_column(String(64))
    service: Mapped[str | None] = mapped_column(String(120))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Hash of user and key, so that two users never meet in one key.
    idempotency_key: Mapped[str | None] = mapped_column(String(64))
    request_hash: Mapped[str | None] = mapped_column(String(64))


class BusyTime(Base):
    """A quarter of an hour that a provider has given away.

    Its primary key is what makes a double booking impossible: two appointments that overlap want the same row, and
    the database gives it to one. Cancelling deletes the rows, which frees the time.
    """

    __tablename__ = "busy_times"

    provider_id: Mapped[str] = mapped_column(ForeignKey("providers.id"), primary_key=True)
    quarter: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    appointment_id: Mapped[str] = mapped_column(ForeignKey("appointments.id"), index=True)


class ConversationRow(Base):
    """A conversation of one user."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_created", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TurnRow(Base):
    """One message of the user with everything that was said and done until the reply.

    `messages` is what is sent to the model again: user, tool calls, tool results, reply, in the form of the OpenAI
    API. A turn is written once and never changed.
    """

    __tablename__ = "turns"
    __table_args__ = (
        Index("ix_turns_conversation_created", "conversation_id", "created_at"),
        Index("ix_turns_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    business_id: Mapped[str | None] = mapped_column(String(64))
    messages: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    outcome: Mapped[str] = mapped_column(String(16))
    booked: Mapped[bool] = mapped_column(default=False)
    handoff: Mapped[str | None] = mapped_column(String(16))  # its reason
    model: Mapped[str] = mapped_column(String(120))
    input_tokens: Mapped[int] = mapped_column(Integer)
    output_tokens: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PredictionRow(Base):
    """One prediction: features, prediction, time, model version."""

    __tablename__ = "predictions"
    __table_args__ = (Index("ix_predictions_created", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    features: Mapped[dict[str, Any]] = mapped_column(JSON)
    prediction: Mapped[str] = mapped_column(String(16))
    probability: Mapped[float] = mapped_column(Float)
    model_version: Mapped[str] = mapped_column(String(64))
    business_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FeedbackRow(Base):
    """What a user thought of an answer or of a conversation."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    turn_id: Mapped[str | None] = mapped_column(ForeignKey("turns.id"), index=True)
    stars: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UsageRow(Base):
    """One thing that a business did with the assistant."""

    __tablename__ = "usage_events"
    __table_args__ = (Index("ix_usage_events_business_created", "business_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    business_id: Mapped[str] = mapped_column(ForeignKey("businesses.id"))
    event: Mapped[str] = mapped_column(String(64))
    value: Mapped[float | None] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

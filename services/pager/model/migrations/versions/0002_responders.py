"""Responders: escalation, acknowledgements, silences and auto-remediation."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ADDED: dict[str, list[sa.Column[Any]]] = {
    "incidents": [
        sa.Column("resolved_by", sa.String(length=60), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=60), nullable=True),
        sa.Column("responder", sa.String(length=500), nullable=False, server_default=""),
        sa.Column("escalation_level", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("next_escalation_at", sa.DateTime(), nullable=True),
        sa.Column("silence_id", sa.String(length=64), nullable=True),
        sa.Column("silence_until", sa.DateTime(), nullable=True),
        sa.Column("silence_by", sa.String(length=60), nullable=True),
        sa.Column("remediation", sa.JSON(), nullable=True),
    ],
    "events": [sa.Column("by", sa.String(length=60), nullable=True)],
    "heartbeats": [sa.Column("links", sa.JSON(), nullable=False, server_default="{}")],
}


def upgrade() -> None:
    """Add the columns; older incidents have no responder, and do not escalate."""
    for table, columns in _ADDED.items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_attempts_at", "attempts", ["at"])


def downgrade() -> None:
    """Drop the columns and the table."""
    op.drop_table("attempts")
    for table, columns in _ADDED.items():
        for column in columns:
            op.drop_column(table, column.name)

"""Indexes by age, so that retention finds old conversations without a scan of the table."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("ix_turns_created", "turns", ["created_at"])
    op.create_index("ix_conversations_created", "conversations", ["created_at"])
    op.create_index("ix_feedback_turn_id", "feedback", ["turn_id"])

"""Old conversations are found without reading all of them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_turns_created", "turns", "created_at"),
    ("ix_conversations_created", "conversations", "created_at"),
    ("ix_feedback_turn_id", "feedback", "turn_id"),
)


def upgrade() -> None:
    """Make the indexes."""
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])


def downgrade() -> None:
    """Drop the indexes."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)

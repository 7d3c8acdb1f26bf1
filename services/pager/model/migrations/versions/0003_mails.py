"""The Message-Ids of mails: a reply is a comment on the incident of the mail that it answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mails_message_id", "mails", ["message_id"], unique=True)
    op.create_index("ix_mails_incident_id", "mails", ["incident_id"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("mails")

"""Alembic's entry point."""

from services.pager.model.tables import Base
from services.storage import migrations

migrations.run(Base.metadata)

"""Alembic's entry point."""

from services.assistant.storage.tables import Base
from services.storage import migrations

migrations.run(Base.metadata)

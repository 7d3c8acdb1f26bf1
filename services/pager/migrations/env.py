"""How Alembic runs: always on the connection that the pager hands over."""

from alembic import context

from services.pager.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata)
context.run_migrations()

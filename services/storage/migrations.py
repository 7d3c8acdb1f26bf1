"""Alembic without an alembic.ini: migrations run on a connection of the service."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData


def configure(folder: Path, connection: Connection) -> Config:
    """Return the configuration for the migrations in `folder`, to be run on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(config: Config) -> None:
    """Upgrade the schema to the newest version."""
    command.upgrade(config, "head")


def run(metadata: MetaData) -> None:
    """Run the migrations; called by the env.py of each service, which Alembic loads."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()

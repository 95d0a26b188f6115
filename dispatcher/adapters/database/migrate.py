"""Brings a database to the newest form, by the migrations in `migrations/` (alembic)."""

from sqlalchemy import inspect, text

from dispatcher.adapters.database.engine import Database
from dispatcher.domain.errors import DispatcherError
from dispatcher.shelf import resource

# The newest migration. Kept here so that an up-to-date database is seen without loading alembic, which takes
# longer than most commands; a test compares it with the folder.
NEWEST = "0010"


class DatabaseTooNew(DispatcherError):
    """The database was made by a newer version of dispatcher (it is at {found}). Install that version again."""


def is_current(database: Database) -> bool:
    """Whether there is nothing to do. Raises DatabaseTooNew."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > NEWEST:
        raise DatabaseTooNew(found=found)
    return found == NEWEST


def migrate(database: Database) -> None:
    """Does what is missing, all or nothing. On PostgreSQL a second process that migrates at the same time waits."""
    if is_current(database):
        return
    from alembic import command  # noqa: PLC0415 - see NEWEST
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(728361094)"))  # a number of our own
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    # SQLite's readers know the tables as they were when they first looked.
    database.engine.dispose()

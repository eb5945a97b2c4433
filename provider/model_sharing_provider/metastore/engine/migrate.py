"""Bring a database's tables up to date, once however many processes start together."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from model_sharing_protocol.errors import InvalidState, MigrationPending
from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(database_engine: DatabaseEngine) -> None:
    """Run what migrations are missing; blocking.

    Raises InvalidState, and changes nothing, if a newer release wrote it or its tables are not what it says.
    """
    known = _known_revisions()
    engine = database_engine.migration_engine()
    try:
        with engine.connect() as connection:
            if _revision(connection) == known[-1]:
                return
        with database_engine.migrating(engine) as connection:
            current = _revision(connection)
            if current is not None and current not in known:
                raise _newer(current)
            try:
                _upgrade(connection)
            except DBAPIError as error:
                if database_engine.translate(error):
                    raise
                raise _half_run(current, error) from error
    finally:
        engine.dispose()


def check_migrated(database_engine: DatabaseEngine) -> str:
    """The revision that the tables have, which this release serves; changes nothing, and is blocking.

    Raises MigrationPending if `migrate` has something to do, InvalidState if a newer release wrote it.
    """
    current = None
    if database_engine.exists():
        engine = database_engine.migration_engine()
        try:
            with engine.connect() as connection:
                current = _revision(connection)
        finally:
            engine.dispose()
    if current == newest_revision():
        return current
    if current is not None and current not in _known_revisions():
        raise _newer(current)
    found = f"is at revision {current}" if current else "has no tables yet"
    raise MigrationPending(
        f"The database {found}; this release serves {newest_revision()}. Run `metastore migrate`, or start a "
        "server, which does it first."
    )


def newest_revision() -> str:
    """Newest revision of the tables: the one that this release can serve."""
    return _known_revisions()[-1]


@cache
def _known_revisions() -> list[str]:
    """Revisions are the numbers that the files of `migrations/versions` begin with."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _newer(current: str) -> InvalidState:
    return InvalidState(
        f"The database was written by a newer release (revision {current}); "
        "install that release or newer to open it."
    )


def _half_run(current: str | None, error: DBAPIError) -> InvalidState:
    what = str(error.orig).partition("\n")[0]
    return InvalidState(
        f"The database's tables are not those of its revision ({current or 'none'}), as a migration that was "
        f"run by hand in part leaves them, or a restore that was cut off: {what}. Nothing was changed; "
        "restore it from a backup."
    )


def _upgrade(connection: Connection) -> None:
    # Alembic takes half a second to import, and nearly every start finds nothing to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS))
    command.upgrade(config, "head")

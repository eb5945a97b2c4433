"""Migration of a database's tables, once even if many processes start together."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from model_sharing_protocol.errors import InvalidState, MigrationPending
from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine

_MIGRATIONS = Path(__file__).parent.parent / "migrations"


def migrate(database_engine: DatabaseEngine) -> None:
    """Run the pending migrations; blocking.

    Raises InvalidState, and changes nothing, for a newer release's database or unexpected tables.
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
    """Check that the tables have this release's revision, and return it; read-only and blocking.

    Raises MigrationPending if migrations are pending, InvalidState for a newer release's database.
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
        f"The database {found}; this release needs {newest_revision()}. Run `metastore migrate`, or start a "
        "server, which migrates it."
    )


def newest_revision() -> str:
    """Newest revision of the tables: the one that this release needs."""
    return _known_revisions()[-1]


@cache
def _known_revisions() -> list[str]:
    """Known revisions: the numbers at the start of the file names in `migrations/versions`."""
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
        f"The database's tables do not match its revision ({current or 'none'}), as after an incomplete "
        f"migration by hand or an interrupted restore: {what}. Nothing was changed; restore it from a "
        "backup."
    )


def _upgrade(connection: Connection) -> None:
    # Alembic takes half a second to import, and nearly every start finds nothing to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS))
    command.upgrade(config, "head")

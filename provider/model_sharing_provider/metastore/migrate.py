"""Bring a database's tables up to date, once however many processes start together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url

from model_sharing_protocol.errors import InvalidState

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Run what migrations are missing. Blocking. Raises InvalidState if a newer release wrote the database.

    `url` is the async one; migrations run on the plain driver of the same database.
    """
    sync_url = make_url(url).set(drivername=make_url(url).get_backend_name())
    known = _known_revisions()
    engine = create_engine(sync_url)
    if engine.dialect.name == "sqlite":
        _begin_before_tables_change(engine)
    try:
        if _revision(engine) == known[-1]:
            return
        with FileLock(f"{sync_url.database}.migrating"):
            current = _revision(engine)
            if current is not None and current not in known:
                raise InvalidState(
                    f"The database was written by a newer release (revision {current}); "
                    "install that release or newer to open it."
                )
            _upgrade(engine)
    finally:
        engine.dispose()


def _known_revisions() -> list[str]:
    """Revisions are the numbers that the files of `migrations/versions` begin with."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _begin_before_tables_change(engine: Engine) -> None:
    """SQLite's driver begins none before CREATE TABLE: whoever dies there would leave half of them."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _upgrade(engine: Engine) -> None:
    # Alembic takes half a second to import, and nearly every start finds nothing to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(_MIGRATIONS))
        command.upgrade(config, "head")

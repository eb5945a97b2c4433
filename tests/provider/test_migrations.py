"""Tables are brought up to date whole or not at all; what is not ours to mend is named and left alone.

Steps to the next release are tried with one that these tests make: this release and another migration.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

import model_sharing_provider.metastore.engine.migrate as migrating
from model_sharing_protocol.errors import InvalidState, MetastoreUnavailable, MigrationPending
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine
from model_sharing_provider.metastore.engine.postgresql import PostgreSql
from model_sharing_provider.metastore.engine.sqlite import Sqlite
from model_sharing_provider.metastore.tables import metadata
from support.processes.admin_process import start
from support.processes.postgresql import PostgresServer
from support.processes.servers import free_port

NEWEST = migrating.newest_revision()
NEXT = f"{int(NEWEST) + 1:04}"
NEXT_MIGRATION = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = {NEXT!r}, {NEWEST!r}, None, None

def upgrade():
    op.create_table("reviews", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("catalogs", sa.Column("reviewed", sa.Boolean, server_default=sa.false(), nullable=False))
"""
AS_RELEASE = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
import model_sharing_provider.metastore.engine.migrate as migrating
from model_sharing_provider.cli import main

migrating._MIGRATIONS, words, count = Path(sys.argv.pop(1)), sys.argv.pop(1), int(sys.argv.pop(1))

@event.listens_for(Engine, "before_cursor_execute")
def kill_at(connection, cursor, statement, *_):
    global count
    count -= words in statement
    if not count:
        os.kill(os.getpid(), signal.SIGKILL)

main()
"""


@dataclass(frozen=True)
class Release:
    """A release of the provider, by the folder of its migrations."""

    migrations: Path

    async def run(
        self, settings: Settings, *arguments: str, kill_at: tuple[str, int] = ("nothing", -1)
    ) -> tuple[int | None, str]:
        """Exit code and output of `model-sharing-provider`; `kill_at`: the nth statement with these words."""
        words, count = kill_at
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AS_RELEASE, str(self.migrations), words, str(count), *arguments),
            env={
                **os.environ,
                "MODEL_SHARING_PROVIDER_HOME": str(settings.home),
                "MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()


THIS_RELEASE = Release(migrating._MIGRATIONS)


@pytest.fixture
def next_release(tmp_path: Path) -> Release:
    folder = tmp_path / "migrations"
    shutil.copytree(THIS_RELEASE.migrations, folder)
    (folder / "versions" / f"{NEXT}_reviews.py").write_text(NEXT_MIGRATION)
    return Release(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, provider_home: Path) -> Iterator[Settings]:
    """Settings of a provider whose database has no tables yet."""
    provider_home.mkdir(0o700)
    if request.param == "sqlite":
        yield Settings(provider_home)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database("TEMPLATE template0 ENCODING 'UTF8'") as url:
        yield Settings(provider_home, postgresql_url=url)


def backend(settings: Settings) -> DatabaseEngine:
    return PostgreSql(settings.postgresql_url) if settings.postgresql_url else Sqlite(settings.database_url)


def execute(settings: Settings, *statements: str) -> None:
    engine = backend(settings).migration_engine()
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def look(settings: Settings) -> tuple[dict[str, list[str]], dict[str, list[tuple[object, ...]]]]:
    """Each table's columns and rows."""
    engine = backend(settings).migration_engine()
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        columns = {
            table: [f"{column['name']} {column['type']}" for column in inspect(connection).get_columns(table)]
            for table in tables
        }
        rows = {
            table: list(map(tuple, connection.execute(text(f"SELECT * FROM {table}")))) for table in tables
        }
    engine.dispose()
    return columns, rows


def schema(engine: Engine) -> dict[str, object]:
    """Schema of our tables in a database: columns with collations and defaults, keys and indexes."""
    inspector = inspect(engine)
    return {
        name: {
            "columns": {
                column["name"]: (repr(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            },
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(inspector.get_foreign_keys(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "indexes": sorted(
                f"{index['name']} {index['unique']} {index['column_names']} WHERE "
                + "".join(map(str, index.get("dialect_options", {}).values()))
                for index in inspector.get_indexes(name)
            ),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def migrate_with_a_row(settings: Settings) -> None:
    """Migrate as this release does, with something to lose in a table."""
    migrating.migrate(backend(settings))
    execute(
        settings,
        "INSERT INTO catalogs (id, name, comment, owner, created_at, updated_at) "
        "VALUES ('1', 'prod', '', 'admin', 1, 1)",
    )


def test_migrations_make_the_tables_that_the_code_knows(settings: Settings) -> None:
    migrating.migrate(backend(settings))
    engine = backend(settings).migration_engine()
    migrated = schema(engine)
    metadata.drop_all(engine)
    assert schema(engine) == {}
    metadata.create_all(engine)
    assert migrated == schema(engine)
    engine.dispose()


async def test_a_first_start_that_is_killed_while_it_makes_tables_leaves_none(settings: Settings) -> None:
    code, output = await THIS_RELEASE.run(settings, "catalog", "list", kill_at=("CREATE TABLE", 9))
    assert code == -signal.SIGKILL, output
    assert look(settings) == ({}, {})
    for _ in range(2):
        async with open_provider(settings) as provider:
            assert provider.administrator.name == "admin"
    assert len(look(settings)[0]) > 9


async def test_processes_that_start_together_make_one_provider(settings: Settings, tmp_path: Path) -> None:
    script = "async def work(admin): print(admin.provider.administrator.id)"
    started = [await start(script, settings, tmp_path) for _ in range(6)]
    said = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 6, said
    (administrator,) = {line.strip() for line in said}
    assert [row[0] for row in look(settings)[1]["principals"] if "ADMIN" in row] == [administrator]
    assert settings.admin_token_path.stat().st_mode & 0o777 == 0o600


async def test_an_upgrade_that_is_killed_before_it_notes_a_step_has_not_begun(
    settings: Settings, next_release: Release
) -> None:
    migrate_with_a_row(settings)
    before = look(settings)
    noted = f"SET version_num='{NEXT}'"
    code, output = await next_release.run(settings, "catalog", "list", kill_at=(noted, 1))
    assert code == -signal.SIGKILL, output
    assert look(settings) == before

    code, output = await next_release.run(settings, "catalog", "list", "--output", "json")
    assert (code, '"name": "prod"' in output) == (0, True)
    columns, rows = look(settings)
    assert rows["alembic_version"] == [(NEXT,)]
    assert "reviews" in columns


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param(f"UPDATE alembic_version SET version_num = '{NEWEST}'", id="a step without its note"),
        pytest.param("DELETE FROM alembic_version", id="no note at all"),
        pytest.param("DROP TABLE alembic_version", id="no place for one"),
    ],
)
async def test_tables_that_are_not_what_the_database_says_are_left_as_they_are(
    settings: Settings, next_release: Release, by_hand: str
) -> None:
    """Tables as an interrupted restore leaves them, or a migration that somebody ran in part."""
    migrate_with_a_row(settings)
    assert (await next_release.run(settings, "metastore", "migrate"))[0] == 0
    execute(settings, by_hand)
    before = look(settings)
    code, output = await next_release.run(settings, "catalog", "list")
    assert code == InvalidState.row.exit_code
    noted = NEWEST if by_hand.startswith("UPDATE") else "none"
    assert f"do not match its revision ({noted}), " in output
    assert " already exists. Nothing was changed;" in output
    assert output.count("\n") == 1
    assert look(settings) == before


async def test_a_database_of_a_newer_release_is_left_alone(settings: Settings, next_release: Release) -> None:
    migrate_with_a_row(settings)
    assert (await next_release.run(settings, "metastore", "migrate"))[0] == 0
    before = look(settings)
    code, output = await THIS_RELEASE.run(settings, "serve", "--port", "0")
    assert code == InvalidState.row.exit_code
    assert output == (
        f"error: The database was written by a newer release (revision {NEXT}); "
        "install that release or newer to open it.\n"
    )
    assert look(settings) == before


async def test_a_check_tells_by_its_code_what_there_is_to_do_and_does_none_of_it(
    settings: Settings, next_release: Release
) -> None:
    check = ("metastore", "migrate", "--check")
    before = look(settings) if settings.postgresql_url else None
    code, output = await THIS_RELEASE.run(settings, *check)
    assert code == MigrationPending.row.exit_code == 29
    assert output.startswith(f"error: The database has no tables yet; this release needs {NEWEST}. Run `meta")
    if before is None:
        assert list(settings.home.iterdir()) == [], "a check makes no database"
    else:
        assert look(settings) == before

    migrate_with_a_row(settings)
    before = look(settings)
    code, output = await next_release.run(settings, *check)
    assert (code, f"is at revision {NEWEST}" in output) == (29, True)
    assert look(settings) == before

    assert await next_release.run(settings, "metastore", "migrate") == (
        0,
        f"The tables are those of this release, revision {NEXT}\n",
    )
    code, output = await next_release.run(settings, *check, "--output", "json")
    assert (code, json.loads(output)) == (0, {"revision": NEXT})
    assert not (settings.home / "secrets.json").exists(), "that is for a first start"

    code, output = await THIS_RELEASE.run(settings, *check)
    assert (code, f"newer release (revision {NEXT})" in output) == (InvalidState.row.exit_code, True)


async def test_a_check_says_that_the_database_is_away(provider_home: Path) -> None:
    away = Settings(provider_home, postgresql_url=f"postgresql://a:secret@127.0.0.1:{free_port()}/models")
    code, output = await THIS_RELEASE.run(away, "metastore", "migrate", "--check")
    assert code == MetastoreUnavailable.row.exit_code
    assert "secret" not in output

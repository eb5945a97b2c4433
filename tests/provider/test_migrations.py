"""Tables are brought up to date whole or not at all; what is not ours to mend is named and left alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from desk_process import start
from postgres import PostgresServer
from servers import free_port
from sqlalchemy import inspect, text

import model_sharing_provider.metastore.migrate as migrating
from model_sharing_protocol.errors import InvalidState, MetastoreUnavailable, MigrationPending
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.metastore.backend import Backend
from model_sharing_provider.metastore.postgresql import PostgreSql
from model_sharing_provider.metastore.sqlite import Sqlite
from model_sharing_provider.settings import Settings

NEWEST = migrating.newest_revision()
KILLED_AT = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from model_sharing_provider.cli import main

words, count = sys.argv.pop(1), int(sys.argv.pop(1))

@event.listens_for(Engine, "before_cursor_execute")
def note(connection, cursor, statement, *_):
    global count
    count -= words in statement
    if not count:
        os.kill(os.getpid(), signal.SIGKILL)

main()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, provider_home: Path) -> Iterator[Settings]:
    """Of a provider whose database has no tables yet."""
    provider_home.mkdir(0o700)
    if request.param == "sqlite":
        yield Settings(provider_home)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database("TEMPLATE template0 ENCODING 'UTF8'") as url:
        yield Settings(provider_home, postgresql_url=url)


def backend(settings: Settings) -> Backend:
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


def migrate_to(settings: Settings, revision: str) -> None:
    """As a release did whose newest step that was, with something to lose in a table."""
    engine = backend(settings).migration_engine()
    with backend(settings).migrating(engine) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrating.__file__).with_name("migrations")))
        command.upgrade(config, revision)
    engine.dispose()
    execute(settings, "INSERT INTO catalogs VALUES ('1', 'prod', '', 'admin', 1, 1, '{}')")


async def run(settings: Settings, *arguments: str, program: str = "") -> tuple[int | None, str]:
    """`model-sharing-provider`, or another program, on that provider: its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program or "from model_sharing_provider.cli import main; main()", *arguments),
        env={
            **os.environ,
            "MODEL_SHARING_PROVIDER_HOME": str(settings.home),
            "MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def killed_at(settings: Settings, words: str, count: int) -> None:
    code, said = await run(settings, words, str(count), "catalog", "list", program=KILLED_AT)
    assert code == -signal.SIGKILL, said


async def test_a_first_start_that_is_killed_while_it_makes_tables_leaves_none(settings: Settings) -> None:
    await killed_at(settings, "CREATE TABLE", 9)
    assert look(settings) == ({}, {})
    for _ in range(2):
        async with open_provider(settings) as provider:
            assert provider.administrator.name == "admin"
    assert len(look(settings)[0]) > 9


async def test_processes_that_start_together_make_one_provider(settings: Settings, tmp_path: Path) -> None:
    script = "async def work(desk): print(desk.provider.administrator.id)"
    started = [await start(script, settings, tmp_path) for _ in range(6)]
    said = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 6, said
    (administrator,) = {line.strip() for line in said}
    assert [row[0] for row in look(settings)[1]["principals"] if "ADMIN" in row] == [administrator]
    assert settings.admin_token_path.stat().st_mode & 0o777 == 0o600


async def test_an_upgrade_that_is_killed_before_it_notes_a_step_has_not_begun(
    settings: Settings,
) -> None:
    migrate_to(settings, "0002")
    before = look(settings)
    await killed_at(settings, f"SET version_num='{NEWEST}'", 1)
    assert look(settings) == before
    async with open_provider(settings) as provider, provider.database.read() as rows:
        assert await rows.catalogs.find("prod")
    assert look(settings)[1]["alembic_version"] == [(NEWEST,)]


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param("UPDATE alembic_version SET version_num = '0003'", id="a step without its note"),
        pytest.param("DELETE FROM alembic_version", id="no note at all"),
        pytest.param("DROP TABLE alembic_version", id="no place for one"),
    ],
)
async def test_tables_that_are_not_what_the_database_says_are_left_as_they_are(
    settings: Settings, by_hand: str
) -> None:
    """As a restore leaves them that was cut off, or a migration that somebody ran in part."""
    migrate_to(settings, NEWEST)
    execute(settings, by_hand)
    before = look(settings)
    said = r"not those of its revision \((0003|none)\), .*: .* already exists\. Nothing was changed;"
    with pytest.raises(InvalidState, match=said) as refused:
        async with open_provider(settings):
            pass
    assert "\n" not in refused.value.message
    assert look(settings) == before


async def test_a_database_of_a_newer_release_is_left_alone(settings: Settings) -> None:
    migrate_to(settings, NEWEST)
    execute(settings, "UPDATE alembic_version SET version_num = '9999'")
    before = look(settings)
    code, said = await run(settings, "serve", "--port", "0")
    assert code == InvalidState.row.exit_code
    assert said == (
        "error: The database was written by a newer release (revision 9999); "
        "install that release or newer to open it.\n"
    )
    assert look(settings) == before


async def test_a_check_tells_by_its_code_what_there_is_to_do_and_does_none_of_it(settings: Settings) -> None:
    check = ("metastore", "migrate", "--check")
    before = look(settings) if settings.postgresql_url else None
    code, said = await run(settings, *check)
    assert code == MigrationPending.row.exit_code == 29
    assert said.startswith(f"error: The database has no tables yet; this release serves {NEWEST}. Run `meta")
    if before is None:
        assert list(settings.home.iterdir()) == [], "a check makes no database"
    else:
        assert look(settings) == before

    migrate_to(settings, "0003")
    before = look(settings)
    code, said = await run(settings, *check)
    assert (code, "is at revision 0003" in said) == (29, True)
    assert look(settings) == before

    assert await run(settings, "metastore", "migrate") == (
        0,
        f"The tables are those of this release, revision {NEWEST}\n",
    )
    code, said = await run(settings, *check, "--output", "json")
    assert (code, json.loads(said)) == (0, {"revision": NEWEST})
    assert not (settings.home / "secrets.json").exists(), "that is for a first start"

    execute(settings, "UPDATE alembic_version SET version_num = '9999'")
    code, said = await run(settings, *check)
    assert (code, "newer release (revision 9999)" in said) == (InvalidState.row.exit_code, True)


async def test_a_check_says_that_the_database_is_away(provider_home: Path) -> None:
    away = Settings(provider_home, postgresql_url=f"postgresql://a:secret@127.0.0.1:{free_port()}/models")
    code, said = await run(away, "metastore", "migrate", "--check")
    assert code == MetastoreUnavailable.row.exit_code
    assert "secret" not in said

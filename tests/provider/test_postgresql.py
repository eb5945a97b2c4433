"""A metastore in PostgreSQL: how it is opened, who writes when, and what a restart does to those at work.

What a provider does with its rows is tested over each database by the tests of this folder: see conftest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psycopg
import pytest
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import InvalidParameter, InvalidState, MetastoreUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.metastore.engine.database_engine import POOL, SqlRows
from model_sharing_provider.metastore.engine.postgresql import PostgreSql
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE
from support.processes.admin_process import start
from support.processes.postgresql import PASSWORD, PostgresServer, running_postgres

NAME = FullName.parse("prod.ml_team.scorer")
EMPTY = "TEMPLATE template0 ENCODING 'UTF8'"


@pytest.fixture
def settings(postgres: PostgresServer, provider_home: Path) -> Iterator[Settings]:
    """Of a provider whose database has no tables yet."""
    with postgres.database(EMPTY) as url:
        yield Settings(provider_home, postgresql_url=url)


@contextmanager
def as_a_standby(url: str) -> Iterator[None]:
    """No connection may change anything meanwhile, and those that there are end at either turn."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as other:
        for value in ("on", "off"):
            other.execute("SET default_transaction_read_only = off")
            other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}".encode())
            if value == "on":
                other.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                yield


async def all_versions(admin: AdminClient) -> list[int]:
    async with admin.provider.database.read() as rows:
        model = await rows.models.find(NAME)
        assert model is not None
        return [version.version for version in await rows.versions.all_of_model(model.id)]


async def test_names_are_ordered_by_their_bytes_whatever_the_databases_language(settings: Settings) -> None:
    async with open_provider(settings):
        pass
    with psycopg.connect(settings.postgresql_url) as connection:
        limited = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type = 'character varying' AND table_name <> 'alembic_version'"
        ).fetchall()
        ordered = connection.execute(
            "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' "
            "AND column_name IN ('id', 'name', 'key', 'alias_key') AND collation_name = 'C'"
        ).fetchone()
    assert limited == []
    assert ordered is not None
    assert ordered[0] > 15


async def test_a_database_that_cannot_be_used_is_named_and_its_password_is_not(
    postgres: PostgresServer, provider_home: Path
) -> None:
    good = postgres.url("postgres")
    away = good.replace(str(postgres.port), "1")
    for url, reason in {
        postgres.url("postgres", "wr0ng-secret"): "password authentication failed",
        postgres.url("nothing"): 'database "nothing" does not exist',
        away: "Connection refused",
        good.replace("127.0.0.1", "nowhere.invalid"): "nowhere.invalid",
    }.items():
        with pytest.raises(MetastoreUnavailable, match=reason) as refused:
            async with open_provider(Settings(provider_home, postgresql_url=url)):
                pass
        assert "secret" not in str(refused.value)
    with pytest.raises(InvalidParameter) as unreadable:
        async with open_provider(Settings(provider_home, postgresql_url=f"{good}?sslmode_={PASSWORD}")):
            pass
    assert "secret" not in str(unreadable.value)
    with (
        postgres.database("TEMPLATE template0 ENCODING 'LATIN1'") as url,
        pytest.raises(InvalidState, match="encoding is LATIN1; create one with ENCODING 'UTF8'"),
    ):
        async with open_provider(Settings(provider_home, postgresql_url=url)):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@host/db",
        "postgresql://u:secr/secret@host/db",
        "postgresql://u:secr?secret@host/db",
        "postgresql://u:secr#secret@host/db",
        "postgresql://u:secret@[host/db",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_DATABASE_URL", url)
    with pytest.raises(InvalidParameter, match="MODEL_SHARING_PROVIDER_DATABASE_URL") as refused:
        read_settings()
    assert "secret" not in str(refused.value)


async def test_the_first_start_says_where_the_rows_are_and_no_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_DATABASE_URL", settings.postgresql_url)
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(settings.home))
    read = read_settings()
    said: list[str] = []
    async with open_provider(read, said.append):
        pass
    assert any(settings.database_shown in line for line in said)
    assert not (settings.home / "metastore.db").exists()
    assert PASSWORD not in "".join(said) + repr(read)


async def test_a_standby_takes_no_changes_and_whoever_writes_next_is_found(settings: Settings) -> None:
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        await admin.provider.shares.create(admin.context, "first")
        with as_a_standby(settings.postgresql_url):
            for _ in range(2):
                with pytest.raises(MetastoreUnavailable, match="accepts no changes now"):
                    await admin.provider.shares.create(admin.context, "second")
                assert "database" in await provider.readiness.failing()
        # No connection of the time of the standby is used again.
        await admin.provider.shares.create(admin.context, "second")
        await admin.provider.shares.get(admin.context, "second")


async def test_a_session_that_was_opened_on_a_standby_writes_to_the_primary(settings: Settings) -> None:
    session = PostgreSql(settings.postgresql_url, POOL).plain_session()
    async with open_provider(settings):
        with as_a_standby(settings.postgresql_url):
            assert session.read_one("SELECT 1") == 1
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                session.run(_write, writes=True)
            assert session.read_one("SELECT 1") == 1
        session.run(_write, writes=True)
    session.close()


def _write(rows: SqlRows) -> None:
    rows.execute("UPDATE metastores SET change_token = :token", {"token": "x"})


async def test_without_its_driver_the_remedy_is_named(settings: Settings, tmp_path: Path) -> None:
    process = await start("sys.modules['psycopg'] = None", settings, tmp_path)
    said, _ = await process.communicate()
    assert b"MissingDependency" in said
    assert b"pip install 'model-sharing[postgres]'" in said


async def test_a_restart_under_load_loses_nothing_acknowledged_and_doubles_nothing(
    provider_home: Path, tmp_path: Path
) -> None:
    folder, enough = write_model(tmp_path / "m"), provider_home / "enough"
    script = """
        async def work(admin):
            while not (HOME / "enough").exists():
                try:
                    version = await admin.register(FOLDER, str(NAME))
                except MetastoreUnavailable:
                    print("away", flush=True)
                    await asyncio.sleep(0.02)
                else:
                    print(version.version, flush=True)
    """
    said: asyncio.Queue[str] = asyncio.Queue()
    lines: list[str] = []

    async def listen(process: asyncio.subprocess.Process, at_work: asyncio.Barrier) -> None:
        assert process.stdout is not None
        said.put_nowait((await process.stdout.readline()).decode().strip())
        await at_work.wait()
        async for line in process.stdout:
            said.put_nowait(line.decode().strip())

    async def hear(wanted: Callable[[str], bool], count: int) -> None:
        """Return when that many such lines have come."""
        async with asyncio.timeout(PATIENCE):
            while count:
                lines.append(await said.get())
                count -= wanted(lines[-1])

    with running_postgres() as server, server.database() as url:
        settings = Settings(provider_home, postgresql_url=url)
        async with open_provider(settings) as provider:
            admin = AdminClient.of(provider)
            await admin.register(folder, str(NAME))
            started = [await start(script, settings, folder) for _ in range(3)]
            at_work = asyncio.Barrier(4)
            listening = asyncio.gather(*(listen(process, at_work) for process in started))
            await at_work.wait()
            for crash in (False, True, False, True):
                await hear(str.isdigit, 6)
                await asyncio.to_thread(server.stop, crash=crash)
                await hear("away".__eq__, 1)
                await asyncio.to_thread(server.start)
            await hear(str.isdigit, 6)
            enough.touch()
            await listening
            lines += [said.get_nowait() for _ in range(said.qsize())]
            assert [await process.wait() for process in started] == [0] * 3, lines
            acknowledged = [int(line) for line in lines if line.isdigit()]
            present = await all_versions(admin)
            assert len(acknowledged) >= 30
            assert len(set(acknowledged)) == len(acknowledged)
            assert set(acknowledged) <= set(present)
            assert present == sorted(set(present))
            # Whatever is there is whole, even if the answer to its commit was lost.
            async with admin.provider.database.read() as rows:
                model = await rows.models.find(NAME)
                assert model is not None
                for version in await rows.versions.all_of_model(model.id):
                    stored = provider_home / "artifacts" / version.storage_path
                    assert sum(path.stat().st_size for path in stored.iterdir()) == version.size


async def test_while_the_database_is_away_faces_say_so_and_afterwards_all_is_as_before(
    provider_home: Path, aiohttp_server: AiohttpServer
) -> None:
    with running_postgres() as server, server.database() as url:
        async with open_provider(Settings(provider_home, postgresql_url=url)) as provider:
            admin = AdminClient.of(provider)
            token = (await admin.activate(await admin.share("acme", "globex"), "http://here")).bearer_token
            served = await aiohttp_server(make_app(provider))
            shares = served.make_url(f"{PREFIX}/shares")
            catalogs = served.make_url("/api/2.1/unity-catalog/catalogs")
            admin_token = (provider_home / "admin.token").read_text()

            async def ask(url: object, bearer: str) -> tuple[int, str]:
                headers = {"Authorization": f"Bearer {bearer}"}
                async with aiohttp.ClientSession(headers=headers) as session, session.get(str(url)) as answer:
                    body = await answer.json()
                    return answer.status, body.get("error_code") or body.get("errorCode") or ""

            async def becomes_ready(expected: int) -> str:
                async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
                    while True:
                        async with session.get(served.make_url("/ready")) as answer:
                            if answer.status == expected:
                                return await answer.text()
                        await asyncio.sleep(0.05)

            for _ in range(2):
                assert await ask(shares, token) == (200, "")
                assert await ask(catalogs, admin_token) == (200, "")
                await becomes_ready(200)
                server.stop()
                said = await becomes_ready(503)
                assert json.loads(said)["failing"].keys() == {"database"}
                assert PASSWORD not in said
                assert str(server.port) not in said
                assert await ask(shares, token) == (503, "INTERNAL_ERROR")
                assert await ask(catalogs, admin_token) == (503, "TEMPORARILY_UNAVAILABLE")
                with pytest.raises(MetastoreUnavailable, match="try again"):
                    await admin.provider.shares.create(admin.context, "second")
                server.start()
            assert await ask(shares, token) == (200, "")
            await admin.provider.shares.create(admin.context, "second")

"""A metastore in PostgreSQL: how it is opened, who writes when, and what a restart does to those at work.

What a provider does with its rows is tested over each database by the tests of this folder: see conftest.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psycopg
import pytest
from postgres import PASSWORD, PostgresServer, running_postgres
from pytest_aiohttp.plugin import AiohttpServer
from support import Desk, write_model

from model_sharing_protocol.errors import InvalidParameter, InvalidState, MetastoreUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.configuration import read_settings
from model_sharing_provider.rest.app import make_app
from model_sharing_provider.settings import Settings

NAME = FullName.parse("prod.ml_team.scorer")
EMPTY = "TEMPLATE template0 ENCODING 'UTF8'"
PRELUDE = """
import asyncio, os, signal, sys
from pathlib import Path
from support import Desk
from model_sharing_protocol.errors import MetastoreUnavailable
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.settings import Settings

FOLDER = Path(sys.argv[2])
NAME = FullName.parse("prod.ml_team.scorer")

async def main():
    async with open_provider(Settings(Path(sys.argv[1]), postgresql_url=sys.argv[3])) as provider:
        await work(Desk.of(provider))
"""


async def start(script: str, settings: Settings, folder: Path) -> asyncio.subprocess.Process:
    """A process of its own that runs `work(desk)` from `script`."""
    program = PRELUDE + textwrap.dedent(script) + "\nasyncio.run(main())\n"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, settings.home, folder, settings.postgresql_url),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


@pytest.fixture
def settings(postgres: PostgresServer, provider_home: Path) -> Iterator[Settings]:
    """Of a provider whose database has no tables yet."""
    with postgres.database(EMPTY) as url:
        yield Settings(provider_home, postgresql_url=url)


def count(settings: Settings, query: str) -> int:
    with psycopg.connect(settings.postgresql_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


async def all_versions(desk: Desk) -> list[int]:
    async with desk.provider.database.read() as rows:
        model = await rows.models.find(NAME)
        assert model is not None
        return [version.version for version in await rows.versions.all_of_model(model.id)]


async def test_processes_that_start_together_make_one_provider(settings: Settings, tmp_path: Path) -> None:
    script = "async def work(desk): print(desk.provider.administrator.id)"
    started = [await start(script, settings, tmp_path) for _ in range(6)]
    said = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 6, said
    assert len(set(said)) == 1
    assert count(settings, "SELECT count(*) FROM principals WHERE type = 'ADMIN'") == 1


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
        pytest.raises(InvalidState, match="as LATIN1; create one with ENCODING 'UTF8'"),
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
    monkeypatch.setenv("MODEL_SHARING_DATABASE_URL", url)
    with pytest.raises(InvalidParameter, match="MODEL_SHARING_DATABASE_URL") as refused:
        read_settings()
    assert "secret" not in str(refused.value)


async def test_the_first_start_says_where_the_rows_are_and_no_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_DATABASE_URL", settings.postgresql_url)
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", str(settings.home))
    read = read_settings()
    said: list[str] = []
    async with open_provider(read, said.append):
        pass
    assert any(settings.database_shown in line for line in said)
    assert not (settings.home / "metastore.db").exists()
    assert PASSWORD not in "".join(said) + repr(read)


async def test_without_its_driver_the_remedy_is_named(settings: Settings, tmp_path: Path) -> None:
    process = await start("sys.modules['psycopg'] = None", settings, tmp_path)
    said, _ = await process.communicate()
    assert b"MissingDependency" in said
    assert b"pip install 'model-sharing[postgres]'" in said


async def test_registrations_and_alias_moves_from_eight_processes(settings: Settings, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    script = """
        async def one(desk):
            version = await desk.register(FOLDER, str(NAME))
            await desk.provider.models.set_alias(desk.context, NAME, "Champion", version.version)

        async def work(desk):
            for _ in range(2):
                await asyncio.gather(*(one(desk) for _ in range(6)))
    """
    async with open_provider(settings) as provider:
        desk = Desk.of(provider)
        await desk.register(folder, str(NAME), "Champion")
        started = [await start(script, settings, folder) for _ in range(8)]
        ended = asyncio.gather(*(process.communicate() for process in started))
        while not ended.done():
            # A reader never sees the alias gone between its two places.
            assert (await desk.provider.models.get(desk.context, NAME)).aliases.keys() == {"Champion"}
            await asyncio.sleep(0.01)
        for process, (said, _) in zip(started, await ended, strict=True):
            assert process.returncode == 0, said.decode()
        assert await all_versions(desk) == list(range(1, 98))


async def test_a_restart_under_load_loses_nothing_acknowledged_and_doubles_nothing(
    provider_home: Path, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "m")
    script = """
        async def work(desk):
            tries = 0
            while tries < 80:
                tries += 1
                try:
                    version = await desk.register(FOLDER, str(NAME))
                except MetastoreUnavailable:
                    print("away", flush=True)
                    await asyncio.sleep(0.02)
                else:
                    print(version.version, flush=True)
    """
    with running_postgres() as server, server.database() as url:
        settings = Settings(provider_home, postgresql_url=url)
        async with open_provider(settings) as provider:
            desk = Desk.of(provider)
            await desk.register(folder, str(NAME))
            started = [await start(script, settings, folder) for _ in range(3)]
            lines = [(await first_line(process)).strip() for process in started]
            ended = asyncio.gather(*(process.communicate() for process in started))
            for crash in (False, True, False, True):
                await asyncio.sleep(0.7)
                await asyncio.to_thread(server.stop, crash=crash)
                await asyncio.to_thread(server.start)
            for process, (said, _) in zip(started, await ended, strict=True):
                assert process.returncode == 0, said.decode()
                lines += said.decode().splitlines()
            acknowledged = [int(line) for line in lines if line.isdigit()]
            present = await all_versions(desk)
            assert len(acknowledged) > 20
            assert "away" in lines
            assert len(set(acknowledged)) == len(acknowledged)
            assert set(acknowledged) <= set(present)
            assert present == sorted(set(present))
            # Whatever is there is whole, even if the answer to its commit was lost.
            async with desk.provider.database.read() as rows:
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
            desk = Desk.of(provider)
            token = (await desk.activate(await desk.share("acme", "globex"), "http://here")).bearer_token
            served = await aiohttp_server(make_app(provider))
            shares = served.make_url(f"{PREFIX}/shares")
            catalogs = served.make_url("/api/2.1/unity-catalog/catalogs")
            admin = (provider_home / "admin.token").read_text()

            async def ask(url: object, bearer: str) -> tuple[int, str]:
                headers = {"Authorization": f"Bearer {bearer}"}
                async with aiohttp.ClientSession(headers=headers) as session, session.get(str(url)) as answer:
                    body = await answer.json()
                    return answer.status, body.get("error_code") or body.get("errorCode") or ""

            async def becomes_ready(expected: int) -> str:
                async with aiohttp.ClientSession() as session, asyncio.timeout(30):
                    while True:
                        async with session.get(served.make_url("/ready")) as answer:
                            if answer.status == expected:
                                return await answer.text()
                        await asyncio.sleep(0.05)

            for _ in range(2):
                assert await ask(shares, token) == (200, "")
                assert await ask(catalogs, admin) == (200, "")
                await becomes_ready(200)
                server.stop()
                said = await becomes_ready(503)
                assert json.loads(said)["amiss"].keys() == {"database"}
                assert PASSWORD not in said
                assert str(server.port) not in said
                assert await ask(shares, token) == (503, "INTERNAL_ERROR")
                assert await ask(catalogs, admin) == (503, "TEMPORARILY_UNAVAILABLE")
                with pytest.raises(MetastoreUnavailable, match="try again"):
                    await desk.provider.shares.create(desk.context, "second")
                server.start()
            assert await ask(shares, token) == (200, "")
            await desk.provider.shares.create(desk.context, "second")

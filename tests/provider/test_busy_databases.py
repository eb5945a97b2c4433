"""A database that is busy for a while: who asks is told so, and afterwards all is as before."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import psycopg
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout

from model_sharing_protocol.errors import DiskFull, MetastoreUnavailable, SharingError
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.jobs import Job
from model_sharing_provider.metastore.engine.database_engine import DatabaseEngine
from model_sharing_provider.metastore.engine.postgresql import PostgreSql
from model_sharing_provider.metastore.engine.sqlite import Sqlite
from support.admin_client import AdminClient

pytestmark = pytest.mark.each_database

CATALOGS = "/api/2.1/unity-catalog/catalogs"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseEngine, "patience", 0.3)


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Somebody else's transaction, in which nobody else can write."""
    if settings.postgresql_url:
        with psycopg.connect(settings.postgresql_url) as holder:
            holder.execute("LOCK TABLE audit_log, metastores IN SHARE MODE")
            yield
    else:
        other = sqlite3.connect(settings.database_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()


async def ask(server: TestServer, path: str, token: str) -> tuple[int, dict[str, Any], str]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(server.make_url(path)) as answer,
    ):
        return answer.status, await answer.json(), answer.headers.get("Retry-After", "")


async def test_while_somebody_holds_the_database_all_are_told_and_then_all_goes_on(
    server: TestServer, admin: AdminClient, settings: Settings
) -> None:
    token = (await admin.activate(await admin.share("acme", "globex"), "http://x")).bearer_token
    admin_token = settings.admin_token_path.read_text()
    with held(settings):
        ready = await ask(server, "/ready", "")
        assert (ready[0], ready[1]["failing"].keys()) == (503, {"database"})
        status, body, again = await ask(server, f"{PREFIX}/shares", token)
        assert (status, body["errorCode"], again) == (503, "INTERNAL_ERROR", "5")
        assert "ry again in a moment" in body["message"]
        status, body, again = await ask(server, CATALOGS, admin_token)
        assert (status, body["error_code"], again) == (503, "TEMPORARILY_UNAVAILABLE", "5")
        with pytest.raises(MetastoreUnavailable):
            await admin.provider.shares.create(admin.context, "second")
        assert (await ask(server, "/health", ""))[0] == 200
    assert (await ask(server, f"{PREFIX}/shares", token))[0] == 200
    await admin.provider.shares.create(admin.context, "second")
    await asyncio.sleep(0.6)  # it looks twice a second
    assert (await ask(server, "/ready", ""))[0] == 200


async def test_nobody_waits_twice_for_the_same_database(admin: AdminClient, settings: Settings) -> None:
    """Callers that arrive while others wait in vain fail with them."""
    catalogs = admin.provider.catalogs
    with held(settings):
        first = asyncio.create_task(catalogs.get(admin.context, "none"))
        await asyncio.sleep(0.15)
        began = asyncio.get_running_loop().time()
        with pytest.raises(MetastoreUnavailable):
            await catalogs.get(admin.context, "none")
        assert asyncio.get_running_loop().time() - began < 0.42  # alone it would wait 0.45
        with pytest.raises(MetastoreUnavailable):
            await first


@contextmanager
def cancelled_at(statement: str) -> Iterator[None]:
    """Whoever executes the statement is cancelled while the database is at it."""

    def cancel(_connection: Any, _cursor: Any, executed: str, *_: Any) -> None:
        if executed.startswith(statement):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    event.listen(Engine, "before_cursor_execute", cancel)
    yield
    event.remove(Engine, "before_cursor_execute", cancel)


async def test_a_cancelled_write_is_in_nobodys_way_even_while_its_error_is_kept(admin: AdminClient) -> None:
    async def claim() -> Job | None:
        async with admin.provider.database.write(cached=False) as rows:
            return await rows.jobs.claim("here", now_ms(), now_ms() + 1000)

    job = await admin.provider.jobs.start_check(admin.context)
    with cancelled_at("UPDATE jobs"), pytest.raises(asyncio.CancelledError) as kept:
        await asyncio.create_task(claim())
    assert kept.tb is not None
    claimed = await claim()
    assert claimed is not None
    assert claimed.id == job.id


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("whatever it says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_LOCKED), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_FULL), DiskFull),
        (PoolTimeout(), MetastoreUnavailable),
        (sqlite_error(sqlite3.SQLITE_ERROR), None),
    ],
)
def test_what_sqlite_says(error: Exception, kind: type[SharingError] | None, provider_home: Any) -> None:
    named = Sqlite(f"sqlite:///{provider_home}/metastore.db").translate(error)
    assert (type(named) if named else None) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DiskFull, DiskFull),
        (psycopg.errors.TooManyConnections, MetastoreUnavailable),
        (psycopg.errors.OutOfMemory, MetastoreUnavailable),
        (psycopg.errors.LockNotAvailable, MetastoreUnavailable),
        (psycopg.errors.DeadlockDetected, MetastoreUnavailable),
        (psycopg.errors.SerializationFailure, MetastoreUnavailable),
        (psycopg.errors.QueryCanceled, MetastoreUnavailable),
        (psycopg.errors.AdminShutdown, MetastoreUnavailable),
        (psycopg.errors.CannotConnectNow, MetastoreUnavailable),
        (psycopg.errors.IdleInTransactionSessionTimeout, MetastoreUnavailable),
        (psycopg.errors.ReadOnlySqlTransaction, MetastoreUnavailable),
        (psycopg.errors.IoError, MetastoreUnavailable),
        (psycopg.OperationalError, MetastoreUnavailable),
        (psycopg.errors.UndefinedTable, None),
    ],
)
def test_what_postgresql_says(error: type[psycopg.Error], kind: type[SharingError] | None) -> None:
    named = PostgreSql("postgresql://u:p@h/d").translate(error("whatever it says"))
    assert (type(named) if named else None) is kind


def test_the_connections_of_a_process_are_as_many_as_were_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for connections in (6, 24, 100):
        backend = PostgreSql("postgresql://u:p@h/d", connections)
        pool: Any = backend.connection_pool().sync_engine.pool
        assert backend.threads + 1 + pool.size() + pool._max_overflow == connections
        assert pool.size() > 0

"""`/ready` names what is missing, for as long as it is; `/health` says that the process lives."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.patience import PATIENCE


async def becomes(server: TestServer, status: int) -> dict[str, str]:
    """Failing parts when `/ready` answers with this status; it looks twice a second."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
        async with session.get(server.make_url("/health")) as answer:
            assert answer.status == 200
        while True:
            async with session.get(server.make_url("/ready")) as answer:
                if answer.status == status:
                    failing: dict[str, str] = (await answer.json())["failing"]
                    return failing
            await asyncio.sleep(0.05)


async def test_a_store_that_is_away_is_named_until_it_is_back(
    server: TestServer, provider_home: Path
) -> None:
    assert await becomes(server, 200) == {}
    (provider_home / "artifacts").rename(provider_home / "unmounted")
    assert await becomes(server, 503) == {"artifacts": "The folder or bucket of artifacts is not there."}
    (provider_home / "unmounted").rename(provider_home / "artifacts")
    assert await becomes(server, 200) == {}


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", None),
        ("ALTER TABLE alembic_version RENAME TO lost", "ALTER TABLE lost RENAME TO alembic_version"),
    ],
)
async def test_tables_of_another_release_are_not_served(
    server: TestServer, provider_home: Path, change: str, back: str | None
) -> None:
    with closing(sqlite3.connect(provider_home / "metastore.db", isolation_level=None)) as rows:
        rows.execute(change)
        failing = await becomes(server, 503)
        assert failing.keys() == {"database"}
        assert "lost" not in failing["database"]
        if back:
            rows.execute(back)
            assert await becomes(server, 200) == {}


async def test_a_bucket_that_is_away_leaves_what_needs_no_bytes_in_the_balancer(
    provider_home: Path, bucket: str, aiohttp_server: AiohttpServer
) -> None:
    settings = Settings(provider_home, artifact_root=f"{bucket}-that-is-not-there")
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        token = (await admin.activate(await admin.share("acme", "globex"), "http://x")).bearer_token
        server = await aiohttp_server(make_app(provider))
        async with aiohttp.ClientSession() as session:
            async with session.get(server.make_url("/ready")) as answer:
                said = await answer.json()
                assert (answer.status, said["status"], said["failing"].keys()) == (
                    200,
                    "degraded",
                    {"artifacts"},
                )
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(server.make_url(f"{PREFIX}/shares"), headers=headers) as answer:
                assert answer.status == 200
        with closing(sqlite3.connect(provider_home / "metastore.db")) as rows, rows:
            rows.execute("ALTER TABLE alembic_version RENAME TO lost")
        assert (await becomes(server, 503)).keys() == {"artifacts", "database"}

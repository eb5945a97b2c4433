"""`/ready` names what is missing, for as long as it is; `/health` says that the process lives."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer


async def becomes(server: TestServer, status: int) -> dict[str, str]:
    """What is amiss, when `/ready` answers with this status; it looks twice a second."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        async with session.get(server.make_url("/health")) as answer:
            assert answer.status == 200
        while True:
            async with session.get(server.make_url("/ready")) as answer:
                if answer.status == status:
                    amiss: dict[str, str] = (await answer.json())["amiss"]
                    return amiss
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
        amiss = await becomes(server, 503)
        assert amiss.keys() == {"database"}
        assert "lost" not in amiss["database"]
        if back:
            rows.execute(back)
            assert await becomes(server, 200) == {}

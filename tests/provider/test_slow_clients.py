"""Clients that open connections and do not go on: they are dropped, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http import bodies, idle_connections
from model_sharing_provider.services.provider_services import ProviderServices
from support.patience import PATIENCE

EACH = 100
LIMIT = 1.5


@pytest.fixture
async def port(provider: ProviderServices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A served provider with its watch, whose limits are short."""
    for limit in ("HEAD_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(idle_connections, limit, LIMIT)
    monkeypatch.setattr(bodies, "BODY_SECONDS", LIMIT)
    app = make_app(provider)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    watching = asyncio.create_task(idle_connections.watch(app, runner.server))
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    watching.cancel()
    await runner.cleanup()


async def closed_after(port: int, sent: bytes) -> float:
    """Seconds until the server ends a connection on which this was sent, and then nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()
    writer.write(sent)
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    writer.close()
    return time.monotonic() - started


async def test_half_open_connections_are_dropped_while_others_are_served(
    port: int, provider_home: Path
) -> None:
    token = (provider_home / "admin.token").read_text()
    authorized = f"Host: x\r\nAuthorization: Bearer {token}\r\n"
    kinds = (
        b"",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-More: ",
        f"POST {PREFIX}/catalogs HTTP/1.1\r\n{authorized}Content-Length: 100\r\n\r\n{{".encode(),
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HT",
    )
    half_open = [asyncio.create_task(closed_after(port, kind)) for kind in kinds for _ in range(EACH)]
    await asyncio.sleep(0.1)
    async with aiohttp.ClientSession() as client:
        served = 0
        while not all(task.done() for task in half_open):
            async with client.get(f"http://127.0.0.1:{port}/health") as answer:
                assert answer.status == 200
            served += 1
            await asyncio.sleep(0.02)
            assert served < 2000
        async with client.get(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200
    assert max(task.result() for task in half_open) < PATIENCE
    assert served


async def test_a_body_that_stops_is_an_answer_that_says_so(port: int, provider_home: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await asyncio.sleep(LIMIT * 3)
        yield b'"c"}'

    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    async with aiohttp.ClientSession(headers=headers) as client:
        url = f"http://127.0.0.1:{port}{PREFIX}/catalogs"
        async with client.post(url, data=body()) as answer:
            assert answer.status == 400
            assert "did not arrive" in (await answer.json())["message"]

"""Downloads by stock `huggingface_hub` that break off, and those that are sent on to a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.hugging_face_door import REPO, SHARE, SNAPSHOTS, HuggingFaceDoor, run
from support.hugging_face_hub import NEWEST, OLDEST
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault
from support.object_stores.servers import new_bucket
from support.processes.postgresql import PostgresServer
from support.repository_folder import files_of

MIB = 2**20
SIZE = 80 * MIB
"""Two shards, each of several of the pieces of 10 MiB that the client writes."""


@pytest.fixture(params=[OLDEST, NEWEST])
def release(request: pytest.FixtureRequest) -> str:
    release: str = request.param
    return release


async def test_a_killed_download_goes_on_and_a_cut_one_by_itself(
    release: str, admin: AdminClient, server: TestServer, tmp_path: Path
) -> None:
    door = HuggingFaceDoor(admin, server, release, tmp_path)
    globex = await door.open(size=SIZE)
    port = server.port
    assert port is not None
    with FaultProxy(port) as proxy:
        through = replace(globex, endpoint=f"http://127.0.0.1:{proxy.port}/hf/{SHARE}")
        proxy.default_fault = ConnectionFault(to_client=StreamFault(stall_at=35 * MIB))
        client = through.start(SNAPSHOTS, REPO, "1")
        while proxy.bytes_to_client < 60 * MIB or written(through.home) < 40 * MIB:
            assert client.poll() is None
            await asyncio.sleep(0.05)
        client.kill()
        await asyncio.to_thread(client.wait)

        proxy.default_fault = ConnectionFault(to_client=StreamFault(cut_at=35 * MIB))
        before = proxy.bytes_to_client
        (folder,) = await run(through, SNAPSHOTS, REPO, "1")
        again = proxy.bytes_to_client - before
    assert files_of(Path(folder)) == files_of(door.repositories[0])
    # The newest one keeps of a killed download what was complete; the oldest what came, too. What was cut
    # neither asks for again, but for what was on its way.
    assert again < (50 if release == OLDEST else 110) * MIB


def written(home: Path) -> int:
    """Bytes of what is not complete yet in a cache."""
    return sum(path.stat().st_size for path in home.rglob("*.incomplete"))


class Bucket:
    """In front of a bucket: what it was asked, and whether by whoever had a token of ours."""

    def __init__(self, s3: str) -> None:
        self.s3 = s3
        self.asked: list[web.BaseRequest] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        async with (
            aiohttp.ClientSession(self.s3, auto_decompress=False) as session,
            session.request(
                request.method, request.rel_url, headers=request.headers, data=await request.read()
            ) as answer,
        ):
            headers = {name: text for name, text in answer.headers.items() if name != "Transfer-Encoding"}
            return web.Response(status=answer.status, headers=headers, body=await answer.read())


@pytest.fixture
async def bucket_front(s3: str, aiohttp_server: AiohttpServer) -> AsyncIterator[tuple[Bucket, str]]:
    front = Bucket(s3)
    app = web.Application(client_max_size=64 * MIB)
    app.router.add_route("*", "/{path:.*}", front.answer)
    yield front, str((await aiohttp_server(app)).make_url("/")).rstrip("/")


async def test_a_bucket_answers_and_never_sees_the_token(
    release: str,
    bucket_front: tuple[Bucket, str],
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aiohttp_server: AiohttpServer,
) -> None:
    front, address = bucket_front
    bucket = new_bucket(front.s3, monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with postgres.database() as url:
        settings = Settings(tmp_path / "provider", postgresql_url=url, artifact_root=f"s3://{bucket}/models")
        async with open_provider(settings) as provider:
            server = await aiohttp_server(make_app(provider))
            door = HuggingFaceDoor(AdminClient.of(provider), server, release, tmp_path)
            globex = await door.open(size=MIB)
            front.asked.clear()
            (folder,) = await run(globex, SNAPSHOTS, REPO, "Champion")
    assert files_of(Path(folder)) == files_of(door.repositories[0])
    by_client = [request for request in front.asked if "hf" in request.headers.get("User-Agent", "")]
    assert {request.path.rpartition("/")[2] for request in by_client} >= {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    }
    assert not [request for request in by_client if "Authorization" in request.headers]
    assert not [request for request in front.asked if globex.token in str(request.headers)]

"""Two servers of one metastore with a shared catalog: what one fetches both have, and each takes over."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.jobs import Job, JobState
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault
from support.object_stores.servers import bucket_url
from support.patience import PATIENCE
from support.processes.provider import ProviderProcess

MIB = 1024 * 1024
SCORER = "prod.ml_team.scorer"
BIG = os.urandom(48 * MIB)
KILLED_AT = 24 * MIB
IN_FLIGHT = 8 * 3 * MIB // 2
"""At most lost by a server that dies: of each connection a buffer of one MiB, and what fills its sockets."""
SLOW = ConnectionFault(StreamFault(delay=0.02))
SHORT_LEASES = """
from model_sharing_provider.services.jobs import lease
from model_sharing_provider.services.mirroring import part_pull
part_pull.LEASE_SECONDS, part_pull.RENEWED_EVERY_SECONDS = 3.0, 1.0
lease.LEASE_SECONDS, lease.RENEWED_EVERY_SECONDS = 3.0, 0.5
"""


@dataclass
class Two:
    """Servers over one metastore, and the link that their provider is reached by."""

    a: ProviderProcess
    b: ProviderProcess
    link: FaultProxy
    token: str
    settings: Settings

    async def start_pull(self, server: ProviderProcess) -> int:
        """Ask a server to pull the catalog in the background; the bytes that it is about."""
        url = f"{server.url}/api/2.1/unity-catalog/catalogs/vendor/pull"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(url, json={"all_versions": True}) as answer,
        ):
            assert answer.status == 200
            return int((await answer.json())["size"])

    async def jobs(self) -> Sequence[Job]:
        async with open_provider(self.settings) as provider:
            return await provider.jobs.list(AdminClient.of(provider).context, ended=True)

    async def get(self, server: ProviderProcess, path: str) -> bytes:
        url = f"{server.url}/api/2.0/fs/files/Models/vendor/ml_team/scorer/1/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            assert answer.status == 200
            return await answer.read()


@pytest.fixture(params=["one home", "postgresql and a bucket"])
async def two(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Two]:
    """Servers that share their home, and ones that share nothing but a database and a bucket."""
    async with AsyncExitStack() as stack:
        upstream = AdminClient.of(await stack.enter_async_context(open_provider(Settings(tmp_path / "far"))))
        there = await stack.enter_async_context(TestServer(make_app(upstream.provider)))
        assert there.port is not None
        link = stack.enter_context(FaultProxy(there.port))
        await upstream.register(write_model(tmp_path / "m", {"big.bin": BIG}), SCORER)
        code = await upstream.share("acme_share", "us", SCORER)
        token = (await upstream.activate(code, "http://x")).bearer_token
        homes = [tmp_path / "a", tmp_path / "a"]
        more = {}
        if request.param != "one home":
            database = stack.enter_context(request.getfixturevalue("postgres").database())
            bucket = bucket_url("s3", request.getfixturevalue("s3"), monkeypatch)
            more = {"postgresql_url": database, "artifact_root": f"{bucket}/here"}
            homes[1] = tmp_path / "b"
        networks = ("127.0.0.0/8",)
        settings = Settings(homes[0], allowed_provider_networks=networks, **more)
        endpoint = f"http://127.0.0.1:{link.port}{PREFIX}"
        async with open_provider(settings) as provider:
            admin = AdminClient.of(provider)
            profile = {"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": token}
            await provider.providers.create(admin.context, "acme", json.dumps(profile))
            await provider.shared_catalogs.create(admin.context, "vendor", "acme", "acme_share")
        environment = {
            "MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS": networks[0],
            "MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url,
            "MODEL_SHARING_PROVIDER_ARTIFACT_ROOT": settings.artifact_root,
            "MODEL_SHARING_PROVIDER_SECRETS_FILE": str(settings.secrets_path),
            "MODEL_SHARING_PROVIDER_SIGNING_KEYS_FILE": str(settings.signing_keys_path),
        }
        a, b = (
            stack.enter_context(ProviderProcess(home, prelude=SHORT_LEASES, environment=environment))
            for home in homes
        )
        yield Two(a, b, link, settings.admin_token_path.read_text(), settings)


async def test_fifty_who_ask_two_servers_cause_one_fetch(two: Two) -> None:
    before = two.link.bytes_to_client
    answers = await asyncio.gather(
        *(
            two.get(server, path)
            for server in (two.a, two.b)
            for path in ("MLmodel", "big.bin")
            for _ in range(12)
        )
    )
    assert answers == [content for _ in range(2) for content in (MLMODEL.encode(), BIG) for _ in range(12)]
    assert two.link.bytes_to_client - before < len(BIG) + MIB


async def test_a_server_that_is_killed_is_replaced_by_another_in_seconds(two: Two) -> None:
    """On one home it goes on where the first stopped."""
    before = two.link.bytes_to_client
    two.link.default_fault = SLOW
    with pytest.raises(aiohttp.ClientError):
        await asyncio.gather(two.get(two.a, "big.bin"), kill_after(two, before + KILLED_AT))
    at_kill = two.link.bytes_to_client
    two.link.default_fault = ConnectionFault()
    async with asyncio.timeout(PATIENCE):
        assert await two.get(two.b, "big.bin") == BIG
    crossed = two.link.bytes_to_client - before
    shares_home = two.a.home == two.b.home
    most = len(BIG) + IN_FLIGHT if shares_home else at_kill - before + len(BIG) + IN_FLIGHT
    assert crossed < most


async def test_a_pull_that_a_killed_server_began_is_finished_by_another(two: Two) -> None:
    """Asked for of both, it is one job. Nobody asks again, and nothing is fetched by two at a time."""
    before = two.link.bytes_to_client
    two.link.default_fault = SLOW
    size = len(BIG) + len(MLMODEL)
    assert set(await asyncio.gather(two.start_pull(two.a), two.start_pull(two.b))) == {size}
    await asyncio.to_thread(wait_for_bytes, two, before + KILLED_AT)
    (job,) = await two.jobs()
    killed, other = (two.a, two.b) if f":{two.a.process.pid}:" in job.claimed_by else (two.b, two.a)
    killed.kill()
    at_kill = two.link.bytes_to_client
    two.link.default_fault = ConnectionFault()
    for _ in range(PATIENCE):
        (job,) = await two.jobs()
        if job.state is JobState.DONE:
            break
        await asyncio.sleep(1)
    assert (job.state, job.attempts, job.progress["size_done"]) == (JobState.DONE, 2, size)
    crossed = two.link.bytes_to_client
    shares_home = two.a.home == two.b.home
    assert crossed - at_kill < len(BIG) + IN_FLIGHT - (KILLED_AT if shares_home else 0)
    assert await two.get(other, "big.bin") == BIG
    assert two.link.bytes_to_client - crossed < MIB


async def kill_after(two: Two, size: int) -> None:
    def kill() -> None:
        wait_for_bytes(two, size)
        two.a.kill()

    await asyncio.to_thread(kill)


def wait_for_bytes(two: Two, size: int) -> None:
    while two.link.bytes_to_client < size:
        time.sleep(0.01)

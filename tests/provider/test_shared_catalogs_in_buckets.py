"""Files of a shared catalog in a bucket: by this server while they are fetched, then by the bucket itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer
from obstore.store import S3Store

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.pulls import PullLimits
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.urls import FILES_PREFIX
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.mirroring import eviction
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.cloud_provider import aws_settings
from support.upstream_provider import UpstreamProvider, running_upstream

SOURCE, SCORER = FullName.parse("prod.ml_team.scorer"), FullName.parse("vendor.ml_team.scorer")
BIG = os.urandom(17 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Cloud:
    """This metastore, whose files are in a bucket, and the provider of its catalog `vendor`."""

    here: AdminClient
    server: BaseTestServer
    upstream: UpstreamProvider
    admin_token: str

    async def signed(self, path: str) -> str:
        """URL of a file, as a user of this metastore gets it."""
        provider = self.here.provider
        user = await provider.principals.authenticate(self.here.context, self.admin_token)
        return await provider.principal_files.sign(provider.context(Caller(user, "test")), SCORER, 1, path)

    async def share_further(self) -> Context:
        """Share the model with the next recipient; its context."""
        provider = self.here.provider
        code = await self.here.share("further", "globex", str(SCORER))
        token = (await self.here.activate(code, "http://x")).bearer_token
        globex = await provider.recipients.authenticate(self.here.context, token)
        return provider.context(Caller(globex, "test"))

    async def read(self, url: str) -> bytes:
        absolute = url if url.startswith("http") else self.server.make_url(f"{FILES_PREFIX}/{url}")
        async with aiohttp.ClientSession() as session, session.get(absolute) as answer:
            assert answer.status == 200
            return await answer.read()


@pytest.fixture
async def cloud(
    bucket: str, tmp_path: Path, started_home: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Cloud]:
    settings = replace(aws_settings(tmp_path / "home", bucket), allowed_provider_networks=("127.0.0.0/8",))
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running_upstream(tmp_path / "upstream", started_home))
        there = upstream.admin
        await there.register(write_model(tmp_path / "m", {"big.bin": BIG}), str(SOURCE))
        await there.provider.shares.create(there.context, "acme_share", resharing=True)
        await there.provider.shares.add_model(there.context, "acme_share", SOURCE)
        here = AdminClient.of(await stack.enter_async_context(open_provider(settings)))
        profile = await upstream.profile_for("us", "acme_share")
        await here.provider.providers.create(here.context, "acme", profile)
        broker = getattr(request, "param", "") == "broker"
        await here.provider.shared_catalogs.create(
            here.context, "vendor", "acme", "acme_share", broker=broker
        )
        server = await stack.enter_async_context(TestServer(make_app(here.provider)))
        yield Cloud(here, server, upstream, settings.admin_token_path.read_text())


async def test_urls_are_this_servers_until_the_bucket_has_the_file(cloud: Cloud) -> None:
    first = await cloud.signed("big.bin")
    assert first.startswith("files/")
    assert await cloud.read(first) == BIG
    await asyncio.sleep(0.5)
    await cloud.upstream.server.close()
    second = await cloud.signed("big.bin")
    assert second.startswith(os.environ["AWS_ENDPOINT_URL"])
    assert await cloud.read(second) == BIG


async def test_credentials_are_given_once_all_is_here_and_keep_it_here(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, context = cloud.here.provider, cloud.here.context
    credentials = await provider.principal_credentials.read(context, SCORER, 1)
    assert credentials is not None and credentials.aws_temp_credentials is not None
    version = await provider.versions.get(context, SCORER, 1)
    keys = credentials.aws_temp_credentials
    location = provider.storage_credentials.location(version)
    assert location is not None
    store = S3Store.from_url(
        location,
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
    )
    assert bytes(store.get("big.bin").bytes()) == BIG
    monkeypatch.setattr(eviction, "IN_USE", timedelta(0))
    monkeypatch.setattr(provider.eviction, "_limits", PullLimits(max_size=0))
    assert await provider.eviction.evict_excess() == 0


async def test_what_is_shared_further_is_fetched_for_the_next_recipient(cloud: Cloud) -> None:
    """By this server's URLs at first, which wait for the files, then by the bucket's."""
    globex, files = await cloud.share_further(), cloud.here.provider.recipient_files
    found = await files.version_files(globex, "further", SharedName.parse("ml_team.scorer"), number=1)
    urls = {signed.file.path: signed.url for signed in found.files}
    assert found.pack_url is not None and await cloud.read(urls["big.bin"]) == BIG
    assert await cloud.read(urls["MLmodel"])
    for _ in range(100):  # files are sent as soon as they are here, and a moment later that is known
        again = await files.version_files(globex, "further", SharedName.parse("ml_team.scorer"), number=1)
        if again.pack_url is None:
            break
        await asyncio.sleep(0.02)
    assert all(signed.url.startswith(os.environ["AWS_ENDPOINT_URL"]) for signed in again.files)


@pytest.mark.parametrize("cloud", ["broker"], indirect=True)
async def test_a_broker_has_nothing_to_give_credentials_for_or_to_share_further(cloud: Cloud) -> None:
    provider, globex = cloud.here.provider, await cloud.share_further()
    with pytest.raises(UnsupportedOperation, match="fetch them by signed URLs"):
        await provider.principal_credentials.read(cloud.here.context, SCORER, 1)
    name = SharedName.parse("ml_team.scorer")
    with pytest.raises(UnsupportedOperation, match="cannot be shared further"):
        await provider.recipient_files.version_files(globex, "further", name, number=1)

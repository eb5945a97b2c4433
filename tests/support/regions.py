"""A provider and a metastore with a catalog from its share, in one process, and the link between them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.test_utils import BaseTestServer, TestServer
from yarl import URL

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault

MIB = 1024 * 1024
SCORER = "prod.ml_team.scorer"
SMALL = {"a.bin": b"a" * 1000, "deep/b.bin": b"b" * 3000}
BIG = os.urandom(20 * MIB)
SMALL_SIZE = sum(map(len, [MLMODEL, *SMALL.values()]))
NOTHING_PASSES = ConnectionFault(StreamFault(cut_at=0), StreamFault(cut_at=0))


@dataclass
class Regions:
    """A provider, and this metastore with a catalog `vendor` from its share; the link counts what crosses."""

    upstream: AdminClient
    link: FaultProxy
    here: AdminClient
    server: BaseTestServer
    store: Path
    token: str

    async def add(self, folder: Path) -> None:
        """Register a version at the provider, and let it appear here."""
        await self.upstream.register(folder, SCORER)
        await self.here.provider.shared_catalogs.sync(self.here.context, "vendor")

    def url(self, path: str, version: int = 1, catalog: str = "vendor") -> URL:
        """URL of a file by the Files API."""
        return self.server.make_url(f"/api/2.0/fs/files/Models/{catalog}/ml_team/scorer/{version}/{path}")

    async def get(self, path: str, version: int = 1, catalog: str = "vendor") -> tuple[int, bytes]:
        """A file by the Files API, as a user with a token of ours gets it."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session,
            session.get(self.url(path, version, catalog), allow_redirects=False) as answer,
        ):
            return answer.status, await answer.read()


@asynccontextmanager
async def running_regions(
    settings: Settings, started_home: Path, folder: Path, *, broker: bool = False
) -> AsyncIterator[Regions]:
    """Run both; with `broker`, the catalog keeps nothing."""
    async with AsyncExitStack() as stack:
        if not settings.postgresql_url:
            shutil.copytree(started_home, settings.home)
        # Not a copy, too: it would have the same keys, and be taken for this metastore itself.
        upstream, here = [
            AdminClient.of(await stack.enter_async_context(open_provider(each)))
            for each in (Settings(folder / "upstream"), settings)
        ]
        there = await stack.enter_async_context(TestServer(make_app(upstream.provider)))
        assert there.port is not None
        link = stack.enter_context(FaultProxy(there.port))
        await upstream.register(write_model(folder / "m", {**SMALL, "big.bin": BIG}), SCORER)
        endpoint = f"http://127.0.0.1:{link.port}{PREFIX}"
        await add_vendor(upstream, here, endpoint, broker=broker)
        server = await stack.enter_async_context(TestServer(make_app(here.provider)))
        token = settings.admin_token_path.read_text()
        yield Regions(upstream, link, here, server, settings.home / "artifacts", token)


async def add_vendor(
    upstream: AdminClient,
    here: AdminClient,
    endpoint: str,
    catalog: str = "vendor",
    model: str = SCORER,
    *,
    broker: bool = False,
) -> None:
    """Share a model, and make a catalog here of it."""
    share, provider = ("acme_share", "acme") if catalog == "vendor" else (f"{catalog}_share", catalog)
    token = (
        await upstream.activate(await upstream.share(share, f"us_{catalog}", model), endpoint)
    ).bearer_token
    profile = {"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": token}
    await here.provider.providers.create(here.context, provider, json.dumps(profile))
    await here.provider.shared_catalogs.create(here.context, catalog, provider, share, broker=broker)


async def events(admin: AdminClient, action: AuditAction) -> list[str]:
    """What the audit log says about actions of a kind, the oldest first."""
    found = await admin.provider.audit.latest(admin.context, 1000, action=action)
    return [event.target.detail for event in reversed(found)]


async def pulled(regions: Regions, number: int) -> list[str]:
    """So many pulls, once they have ended: a file is served as soon as it is there."""
    for _ in range(500):
        if len(found := await events(regions.here, AuditAction.PULL_MODEL_VERSION)) == number:
            break
        await asyncio.sleep(0.02)
    return found

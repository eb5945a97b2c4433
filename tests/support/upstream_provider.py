"""Upstream provider: a second provider in the test's process, whose share the first one mirrors."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import TestServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient


@dataclass(frozen=True, slots=True)
class UpstreamProvider:
    """An open provider that is served at `endpoint`, and its administrator."""

    admin: AdminClient
    server: TestServer

    @property
    def endpoint(self) -> str:
        return str(self.server.make_url(PREFIX))

    async def profile_for(self, recipient: str, *shares: str) -> str:
        """Create a recipient with these shares; its profile."""
        provider = self.admin.provider
        _, code = await provider.recipients.create(self.admin.context, recipient)
        for share in shares:
            await provider.share_permissions.grant(self.admin.context, share, recipient)
        return (await self.admin.activate(code, self.endpoint)).to_json().decode()


@asynccontextmanager
async def running_upstream(home: Path, started_home: Path) -> AsyncIterator[UpstreamProvider]:
    """Run a provider in a fresh home, a copy of one that was started."""
    shutil.copytree(started_home, home)
    # A home that was copied has the keys of the other: it would be taken for the same provider.
    (home / "signing-keys.json").unlink()
    async with open_provider(Settings(home), lost_keys=True) as provider:
        server = TestServer(make_app(provider))
        async with server:
            yield UpstreamProvider(AdminClient.of(provider), server)

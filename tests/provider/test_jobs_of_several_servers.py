"""Servers of one metastore that are killed while they publish a version: another one finishes it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from databricks.sdk import WorkspaceClient

from model_sharing_protocol.mlflow_registry import PREFIX as MLFLOW
from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from support.admin_client import AdminClient
from support.model_folder import MLMODEL
from support.patience import PATIENCE
from support.processes.provider import ProviderProcess

NAME = "prod.ml_team.scorer"
SHORT_LEASES = """
from model_sharing_provider.services.jobs import lease
lease.LEASE_SECONDS, lease.RENEWED_EVERY_SECONDS = 3.0, 0.5
"""
DIES = """
import os, signal
from model_sharing_provider.artifacts.manifests import Manifests
async def die(*_): os.kill(os.getpid(), signal.SIGKILL)
Manifests.write = die
"""
STOPS = """
import asyncio
from model_sharing_provider.artifacts.manifests import Manifests
async def wait(*_): await asyncio.sleep(3600)
Manifests.write = wait
"""


@dataclass
class Servers:
    """A server that cannot publish, and another; a version with all its files waits for either."""

    failing: ProviderProcess
    other: ProviderProcess
    settings: Settings

    async def finalize(self, server: ProviderProcess) -> str:
        """Ask a server to publish the version; its status then."""
        headers = {"Authorization": f"Bearer {self.settings.admin_token_path.read_text()}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            body = {"name": NAME, "version": "1"}
            async with session.post(f"{server.url}{MLFLOW}/model-versions/finalize", json=body) as answer:
                return str((await answer.json())["model_version"]["status"])

    async def version(self) -> ModelVersion:
        async with open_provider(self.settings) as provider:
            return await provider.versions.get(AdminClient.of(provider).context, FullName.parse(NAME), 1)

    async def published(self) -> ModelVersion:
        """Version once it is READY, without anybody asking for it."""
        for _ in range(PATIENCE * 2):
            if (version := await self.version()).status is VersionStatus.READY:
                return version
            await asyncio.sleep(0.5)
        raise TimeoutError(version)

    async def publications(self) -> list[AuditEvent]:
        async with open_provider(self.settings) as provider:
            context = AdminClient.of(provider).context
            found = await provider.audit.latest(context, 10, action=AuditAction.FINALIZE_MODEL_VERSION)
            assert not await provider.jobs.list(context, ended=True)
            return [event for event in found if event.outcome is Outcome.OK]


@pytest.fixture
def fault() -> tuple[str, str]:
    """What one server suffers from, and how many jobs the other works on."""
    return DIES, "2"


@pytest.fixture(params=["sqlite", "postgresql"])
async def servers(
    request: pytest.FixtureRequest, tmp_path: Path, fault: tuple[str, str]
) -> AsyncIterator[Servers]:
    prelude_of_one, others_jobs = fault
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        settings = Settings(tmp_path / "home", postgresql_url=url)
        environment = {
            "MODEL_SHARING_PROVIDER_DATABASE_URL": url,
            "MODEL_SHARING_PROVIDER_SERVE_GRACE": "2s",
        }
        failing, other = (
            stack.enter_context(
                ProviderProcess(
                    settings.home,
                    prelude=SHORT_LEASES + prelude,
                    environment={**environment, "MODEL_SHARING_PROVIDER_JOBS": jobs},
                )
            )
            for prelude, jobs in ((prelude_of_one, "2"), ("", others_jobs))
        )
        await upload(failing.url, settings)
        yield Servers(failing, other, settings)


async def upload(url: str, settings: Settings) -> None:
    """Create the version, and upload its files: some through the server, all that it needs."""
    token = settings.admin_token_path.read_text()
    workspace = await asyncio.to_thread(WorkspaceClient, host=url, token=token)
    async with open_provider(settings) as provider:
        admin = AdminClient.of(provider)
        await provider.catalogs.create(admin.context, "prod")
        await provider.catalogs.create_schema(admin.context, FullName.parse(NAME).schema_name)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        await session.post(f"{url}{MLFLOW}/registered-models/create", json={"name": NAME})
        await session.post(f"{url}{MLFLOW}/model-versions/create", json={"name": NAME, "source": "runs:/1/m"})
    for path, content in (("MLmodel", MLMODEL.encode()), ("model.pkl", b"weights")):
        there = f"/Models/{NAME.replace('.', '/')}/1/{path}"
        await asyncio.to_thread(workspace.files.upload, there, io.BytesIO(content))


async def test_another_server_publishes_what_a_killed_one_began(servers: Servers) -> None:
    with pytest.raises(aiohttp.ClientError):
        await servers.finalize(servers.failing)
    published = await servers.published()
    assert (published.num_files, published.size) == (2, len(MLMODEL) + len("weights"))
    (event,) = await servers.publications()
    assert (event.caller.principal.name, event.caller.face) == ("admin", "jobs")


async def test_a_client_that_asks_again_is_answered_when_it_is_done(servers: Servers) -> None:
    with pytest.raises(aiohttp.ClientError):
        await servers.finalize(servers.failing)
    assert await servers.finalize(servers.other) == "READY"
    assert len(await servers.publications()) == 1


@pytest.mark.parametrize("fault", [(DIES, "0")])
async def test_a_server_without_jobs_leaves_it_until_a_client_asks_again(servers: Servers) -> None:
    with pytest.raises(aiohttp.ClientError):
        await servers.finalize(servers.failing)
    await asyncio.sleep(5)
    assert (await servers.version()).status is VersionStatus.PENDING_REGISTRATION
    assert await servers.finalize(servers.other) == "READY"
    (event,) = await servers.publications()
    assert event.caller.face != "jobs"


@pytest.mark.parametrize("fault", [(STOPS, "2")])
async def test_a_server_that_is_told_to_stop_leaves_it_to_another(servers: Servers) -> None:
    asking = asyncio.create_task(servers.finalize(servers.failing))
    async with open_provider(servers.settings) as provider:
        context = AdminClient.of(provider).context
        for _ in range(PATIENCE * 10):
            if await provider.jobs.list(context):
                break
            await asyncio.sleep(0.1)
    servers.failing.process.terminate()
    assert (await servers.published()).num_files == 2
    await asyncio.wait([asking])
    assert len(await servers.publications()) == 1

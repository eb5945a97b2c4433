"""Fixtures that the tests of all rooms share."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web, web_app
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.network.certificates import self_signed_certificate
from support.network.proxied_recipient import FILES, ProxiedRecipient, mounted_through_proxy
from support.object_stores.cloud_provider import CloudProvider, aws_settings, running_cloud_provider
from support.object_stores.servers import bucket_url, running_azure, running_s3
from support.processes.mlflow_server import running_mlflow_server
from support.processes.postgresql import PostgresServer, running_postgres
from support.processes.provider import LOOPBACK, ProviderProcess, share_model
from support.provider_cli import CliRunner


def pytest_configure() -> None:
    # As MLflow saves a model it loads it once more, in a process of its own, to list the packages it needs.
    # That takes seconds, and nobody here reads the list: without time for it, it lists the usual ones.
    os.environ["MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT"] = "0"
    # Where no bytecode is kept, each process compiles anew what it imports: two thirds of MLflow's start.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Whoever works behind a proxy reaches this machine without.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))
    # Stories about servers that are gone for good need not wait for them as long as people do.
    os.environ["MODEL_SHARING_RETRY_FOR"] = "3s"


@pytest.fixture(autouse=True, scope="module")
def applications_forgotten() -> Iterator[None]:
    """Forget a module's applications: aiohttp caches the last thousand, of more than a megabyte each."""
    yield
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture
def provider_home(tmp_path: Path) -> Path:
    return tmp_path / "provider-home"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, shared by all tests: each has a database of its own."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server, shared by all tests: each has a bucket of its own."""
    with running_s3(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Azure account, shared by all tests: each has a container of its own."""
    with running_azure(tmp_path_factory.mktemp("azure")) as url:
        yield url


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh bucket: S3's, unless the test is run over each kind of store."""
    kind = getattr(request, "param", "s3")
    return bucket_url(kind, request.getfixturevalue(kind), monkeypatch)


@pytest.fixture
async def cloud(bucket: str, tmp_path: Path) -> AsyncIterator[CloudProvider]:
    """A provider that shares a model from that bucket, and gives out temporary credentials for it."""
    async with running_cloud_provider(aws_settings(tmp_path / "home", bucket), tmp_path / "m") as opened:
        yield opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a module over each database, or over kinds of stores, if its `pytestmark` says so."""
    if "settings" not in metafunc.fixturenames:
        return
    markers = metafunc.definition
    over = ["postgresql"] if markers.get_closest_marker("each_database") else []
    stores = markers.get_closest_marker("stores")
    over += stores.args if stores else ()
    if over:
        metafunc.parametrize("settings", ["local", *over], indirect=True)


@pytest.fixture
def settings(provider_home: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """A provider's, with SQLite and a folder, unless the test is run over each database or store."""
    match getattr(request, "param", "local"):
        case "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            with server.database() as url:
                yield Settings(provider_home, postgresql_url=url, allowed_provider_networks=LOOPBACK)
        case "s3" | "azure" as kind:
            bucket = bucket_url(kind, request.getfixturevalue(kind), request.getfixturevalue("monkeypatch"))
            yield Settings(provider_home, artifact_root=f"{bucket}/model-sharing")
        case _:
            yield Settings(provider_home, allowed_provider_networks=LOOPBACK)


@pytest.fixture(scope="session")
def started_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tables and keys, to be copied: to start on an empty one takes five times as long."""
    home = tmp_path_factory.mktemp("started") / "home"

    async def start() -> None:
        async with open_provider(Settings(home)):
            pass

    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(start())
    return home


@pytest.fixture
async def provider(settings: Settings, started_home: Path) -> AsyncIterator[ProviderServices]:
    """A fresh provider over that database and the local disk."""
    if not settings.postgresql_url and not settings.home.exists():
        shutil.copytree(started_home, settings.home)
    async with open_provider(settings) as opened:
        yield opened


@pytest.fixture
def artifacts(settings: Settings) -> ArtifactStore:
    """Artifact store of that provider, to inspect."""
    return ArtifactStore(settings.artifact_root_url)


@pytest.fixture
def admin(provider: ProviderServices) -> AdminClient:
    """The administrator's client of that provider."""
    return AdminClient.of(provider)


@pytest.fixture
def provider_cli(
    provider_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CliRunner:
    """The provider's command line, inside the test's process and on this test's home."""
    monkeypatch.chdir(tmp_path)
    return CliRunner(provider_home, monkeypatch, capsys)


@pytest.fixture
async def server(provider: ProviderServices, aiohttp_server: AiohttpServer) -> TestServer:
    """Server of that provider on a real socket of this machine."""
    provider.wire_all()
    app: web.Application = make_app(provider)
    return await aiohttp_server(app)


@pytest.fixture
def endpoint(server: TestServer) -> str:
    """The recipients' endpoint of the server."""
    return str(server.make_url(PREFIX))


@pytest.fixture(scope="module")
def acme_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A provider's home that shares one model with globex, and globex's token."""
    folder = tmp_path_factory.mktemp("acme")
    return folder / "home", share_model(folder / "home", write_model(folder / "m", FILES))


@pytest.fixture(scope="module")
def acme(
    acme_home: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ProviderProcess]:
    """A process that serves it: over TLS if the parameter is `https`."""
    over_tls = getattr(request, "param", "http") == "https"
    with ProviderProcess(
        acme_home[0], self_signed_certificate(tmp_path_factory.mktemp("tls")) if over_tls else None
    ) as one:
        yield one


@pytest.fixture
def proxied_recipient(
    acme_home: tuple[Path, str], acme: ProviderProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProxiedRecipient]:
    """A recipient that reaches it through a proxy."""
    with mounted_through_proxy(acme, acme_home[1], tmp_path, monkeypatch) as mounted:
        yield mounted


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real MLflow server, shared by all tests: use experiment and model names of your own."""
    with running_mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url

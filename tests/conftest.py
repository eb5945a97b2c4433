"""Fixtures that stories of provider, walks and conformance share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from mlflow_server import running_mlflow_server
from pytest_aiohttp.plugin import AiohttpServer
from support import Desk

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.rest.app import make_app
from model_sharing_provider.services.provider import Provider
from model_sharing_provider.settings import Settings


@pytest.fixture
def provider_home(tmp_path: Path) -> Path:
    return tmp_path / "provider-home"


@pytest.fixture
async def provider(provider_home: Path) -> AsyncIterator[Provider]:
    """A fresh provider over SQLite and the local disk."""
    async with open_provider(Settings(provider_home)) as opened:
        yield opened


@pytest.fixture
def desk(provider: Provider) -> Desk:
    """The administrator's desk at that provider."""
    return Desk.of(provider)


@pytest.fixture
async def server(provider: Provider, aiohttp_server: AiohttpServer) -> TestServer:
    """That provider, served on a real socket of this machine."""
    app: web.Application = make_app(provider)
    return await aiohttp_server(app)


@pytest.fixture
def endpoint(server: TestServer) -> str:
    """The recipients' endpoint of the server."""
    return str(server.make_url(PREFIX))


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real MLflow server, shared by all tests: use experiment and model names of your own."""
    with running_mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url

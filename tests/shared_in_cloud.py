"""A model that is shared from a bucket, and what is answered when credentials for it are asked for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from support import Desk, write_model

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_provider.bootstrap import open_provider
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.rest.app import make_app
from model_sharing_provider.settings import Settings

NAME = "prod.ml_team.scorer"
VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"
CREDENTIALS = "/temporary-model-version-credentials"
FILES = {"model.pkl": b"weights", "data/a b.bin": b"more"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    json: Any
    text: str


@dataclass(frozen=True)
class Story:
    """A served provider that shares version 1 of a model with globex."""

    desk: Desk
    version: ModelVersion
    server: TestServer
    token: str
    admin_token: str

    async def ask(self, path: str, method: str = "POST") -> Answer:
        """As globex, below the recipients' prefix."""
        return await self._call(method, open_sharing.PREFIX + path, self.token)

    async def ask_registry(self, operation: str = "READ_MODEL_VERSION", version: int = 1) -> Answer:
        """As the administrator, who asks Unity Catalog's face for credentials."""
        catalog, schema, model = NAME.split(".")
        body = {"catalog_name": catalog, "schema_name": schema, "model_name": model}
        return await self._call(
            "POST",
            unity_catalog.PREFIX + CREDENTIALS,
            self.admin_token,
            {**body, "version": version, "operation": operation},
        )

    async def _call(self, method: str, path: str, token: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.server.make_url(path), json=body) as answer,
        ):
            text = await answer.text()
            return Answer(answer.status, dict(answer.headers), json.loads(text), text)


@asynccontextmanager
async def shared_in_cloud(
    settings: Settings, folder: Path, *, stored: Settings | None = None
) -> AsyncIterator[Story]:
    """The files are put where `stored` says, for clouds that are not here to hold them."""
    async with open_provider(stored or settings) as provider:
        desk = Desk.of(provider)
        version = await desk.register(write_model(folder, FILES), NAME, "Champion")
        code = await desk.share("acme", "globex", NAME)
        profile = await desk.activate(code, "http://unused.example")
    async with open_provider(settings) as provider:
        server = TestServer(make_app(provider))
        await server.start_server()
        token = settings.admin_token_path.read_text()
        yield Story(Desk.of(provider), version, server, profile.bearer_token, token)
        await server.close()

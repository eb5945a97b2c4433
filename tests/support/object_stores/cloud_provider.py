"""A provider whose artifacts are in a bucket, and the temporary credentials that it gives out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer
from obstore.store import S3Store

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.faces.application import make_app
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = "prod.ml_team.scorer"
ROOT = "model-sharing"
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
class CloudProvider:
    """A served provider that shares version 1 of a model with globex."""

    admin: AdminClient
    version: ModelVersion
    server: TestServer
    token: str
    admin_token: str

    async def ask(self, path: str, method: str = "POST") -> Answer:
        """Request of globex, below the recipients' prefix."""
        return await self._call(method, open_sharing.PREFIX + path, self.token)

    async def ask_registry(self, operation: str = "READ_MODEL_VERSION", version: int = 1) -> Answer:
        """Request of the administrator, who asks Unity Catalog's face for credentials."""
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


def aws_settings(home: Path, bucket: str) -> Settings:
    """A provider's, whose artifacts are in that bucket and which gives out credentials of AWS for them."""
    return Settings(
        home,
        artifact_root=f"{bucket}/{ROOT}",
        temporary_credentials="aws",
        credentials_lifetime=timedelta(minutes=20),
        aws_role_arn="arn:aws:iam::123456789012:role/model-sharing",
    )


def s3_client(bucket: str, access_key_id: str, secret_access_key: str, session_token: str) -> S3Store:
    """A client that has been told nothing but bucket and credentials."""
    return S3Store.from_url(
        bucket,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=session_token,
        retry_config={"max_retries": 0},
    )


@asynccontextmanager
async def running_cloud_provider(
    settings: Settings, folder: Path, *, stored: Settings | None = None
) -> AsyncIterator[CloudProvider]:
    """The files are put where `stored` says, for clouds that are not here to hold them."""
    async with open_provider(stored or settings) as provider:
        admin = AdminClient.of(provider)
        version = await admin.register(write_model(folder, FILES), NAME, "Champion")
        code = await admin.share("acme", "globex", NAME)
        profile = await admin.activate(code, "http://unused.example")
    async with open_provider(settings) as provider:
        server = TestServer(make_app(provider))
        await server.start_server()
        token = settings.admin_token_path.read_text()
        yield CloudProvider(AdminClient.of(provider), version, server, profile.bearer_token, token)
        await server.close()

"""Tables and volumes in buckets: read there, by URLs that the bucket signs, or with its credentials."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp.test_utils import TestServer
from deltalake import write_deltalake
from obstore.exceptions import PermissionDeniedError
from obstore.store import ObjectStore

from model_sharing_protocol.names import SharedName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.object_stores.cloud_provider import aws_settings, s3_client
from support.object_stores.servers import KINDS

FLOWERS = {"kind": ["a b/c%ü", "x"], "petals": [4, 5]}
PROMPTS = {"one.txt": b"Why?", "more/two ü%20.txt": b"How?" * 10_000, "more/empty.bin": b""}
TABLE, VOLUME = SharedName("training", "flowers"), SharedName("training", "prompts")
QUERY = "/shares/acme/schemas/training/volumes/prompts/query"
CREDENTIALS = "/shares/acme/schemas/training/volumes/prompts/temporary-volume-credentials"


async def fill(store: ObjectStore, folder: Path) -> None:
    """A Delta table in `lake/flowers`, and files in `lake/prompts`, whose folders are marked."""
    write_deltalake(str(folder), pa.table(FLOWERS), partition_by=["kind"])
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            await obstore.put_async(store, f"lake/flowers/{name}", path.read_bytes())
    for name, content in PROMPTS.items():
        await obstore.put_async(store, f"lake/prompts/{name}", content)
    # As the consoles of object stores mark folders.
    for marker in ("lake/prompts", "lake/prompts/more"):
        await obstore.put_async(store, marker, b"")
    await obstore.put_async(store, "secret/one.txt", b"of nobody else")


async def share(admin: AdminClient, bucket: str) -> str:
    """Token of globex, which may read both."""
    code = await admin.share("acme", "globex")
    shares = admin.provider.shares
    await shares.add_table(admin.context, "acme", f"{bucket}/lake/flowers", TABLE)
    await shares.add_volume(admin.context, "acme", f"{bucket}/lake/prompts", VOLUME)
    return (await admin.activate(code, "http://unused.example")).bearer_token


async def ask(server: TestServer, token: str, path: str, method: str = "POST") -> tuple[int, list[Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, server.make_url(PREFIX + path)) as answer,
    ):
        return answer.status, [json.loads(line) for line in (await answer.read()).splitlines()]


async def fetch(url: str) -> bytes:
    async with aiohttp.ClientSession() as anybody, anybody.get(url) as answer:
        assert answer.status == 200
        return await answer.read()


@pytest.fixture
async def provider(provider_home: Path, bucket: str, tmp_path: Path) -> AsyncIterator[ProviderServices]:
    await fill(open_bucket(bucket).client, tmp_path / "flowers")
    async with open_provider(Settings(provider_home, external_locations=(f"{bucket}/lake",))) as opened:
        yield opened


@pytest.mark.parametrize("bucket", KINDS, indirect=True)
async def test_they_are_read_by_urls_of_the_bucket(
    admin: AdminClient, bucket: str, server: TestServer, tmp_path: Path
) -> None:
    token = await share(admin, bucket)
    status, (_, head, *lines) = await ask(server, token, QUERY)
    files = {line["file"]["path"]: line["file"] for line in lines}
    assert (status, set(files), head["metaData"]["numFiles"]) == (200, set(PROMPTS), len(PROMPTS))
    for path, content in PROMPTS.items():
        assert files[path]["size"] == len(content)
        assert await fetch(files[path]["url"]) == content
        # Names that Azure's URLs cannot hold come through this server.
        assert files[path]["url"].startswith(str(server.make_url("/"))) is bucket.startswith("az:")
    status, (_, _, *lines) = await ask(server, token, "/shares/acme/schemas/training/tables/flowers/query")
    rows = []
    for line in lines:
        (tmp_path / "part.parquet").write_bytes(await fetch(line["file"]["url"]))
        values = line["file"]["partitionValues"]
        rows += [row | values for row in pq.read_table(tmp_path / "part.parquet").to_pylist()]
    assert sorted((row["kind"], row["petals"]) for row in rows) == sorted(zip(*FLOWERS.values(), strict=True))


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
async def test_credentials_open_a_volume_and_nothing_else(bucket: str, tmp_path: Path) -> None:
    await fill(open_bucket(bucket).client, tmp_path / "flowers")
    settings = replace(aws_settings(tmp_path / "home", bucket), external_locations=(f"{bucket}/lake",))
    async with open_provider(settings) as provider:
        admin, server = AdminClient.of(provider), TestServer(make_app(provider))
        await server.start_server()
        token = await share(admin, bucket)
        status, (listed,) = await ask(server, token, "/shares/acme/all-volumes", "GET")
        (volume,) = listed["items"]
        assert (volume["storageLocation"], volume["accessModes"]) == (
            f"{bucket}/lake/prompts",
            ["url", "dir"],
        )
        status, (given,) = await ask(server, token, CREDENTIALS)
        assert status == 200
        keys = given["awsTempCredentials"]
        store = s3_client(bucket, keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])
        read = await (await obstore.get_async(store, "lake/prompts/one.txt")).bytes_async()
        assert bytes(read) == PROMPTS["one.txt"]
        for path in ("secret/one.txt", "lake/flowers/_delta_log/00000000000000000000.json"):
            with pytest.raises(PermissionDeniedError):
                await obstore.get_async(store, path)
        with pytest.raises(PermissionDeniedError):
            await obstore.put_async(store, "lake/prompts/one.txt", b"planted")
        await provider.provider_terms.set(
            admin.context, SecurableType.SHARE, "acme", version="1", text="For evaluation only."
        )
        status, (refused,) = await ask(server, token, CREDENTIALS)
        assert (status, refused["errorCode"]) == (403, "TERMS_NOT_ACCEPTED")
        await server.close()

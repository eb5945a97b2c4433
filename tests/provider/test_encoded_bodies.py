"""A body that was packed for the way is refused with 415, however it is spelt: unpacked, it has no bound."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError

from model_sharing_protocol.error_responses import error_from_open_sharing
from model_sharing_protocol.errors import UnsupportedEncoding
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.server import Runner
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.scorer")
FILES = "/api/2.0/fs/files/Models/prod/ml_team/scorer/2"
BOMB = gzip.compress(b"\0" * (1 << 26))
CODINGS = (
    "gzip",
    "GZIP",
    "x-gzip",
    "deflate",
    "br",
    "zstd",
    "compress",
    "aws-chunked",
    "gzip, identity",
    "identity, gzip",
    "identity,,gzip",
    "identity\r\nContent-Encoding: gzip",
    "gzip\r\ncontent-encoding: gzip",
    "\tgzip ",
    "gzip;q=1",
    "identity;q=0",
    "",
    "*",
)


@pytest.fixture
async def pending(admin: AdminClient, tmp_path: Path) -> None:
    """Version 2 of a model, which takes files."""
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    await admin.provider.uploads.create(admin.context, NAME, NewVersion(source="here"))


@pytest.fixture
async def port(provider: ProviderServices) -> AsyncIterator[int]:
    """The provider, served as `serve` does."""
    runner = Runner(make_app(provider))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def upload_paths(port: int, token: str) -> list[str]:
    """Every path that takes a file's bytes: by token, and by two kinds of signed URLs."""
    origin, folder = f"http://127.0.0.1:{port}", FILES.removeprefix("/api/2.0/fs/files")
    async with aiohttp.ClientSession(origin, headers={"Authorization": f"Bearer {token}"}) as client:
        begun = await client.post(f"{FILES}/parts.bin?action=initiate-upload")
        session = (await begun.json())["multipart_upload"]["session_token"]
        path = {"path": f"{folder}/parts.bin", "session_token": session}
        part = await client.post("/api/2.0/fs/create-upload-part-urls", json=path)
        whole = await client.post("/api/2.0/fs/create-upload-url", json={"path": f"{folder}/signed.bin"})
        urls = [(await whole.json())["url"], (await part.json())["upload_part_urls"][0]["url"]]
    return [f"{FILES}/plain.bin", *(url.removeprefix(origin) for url in urls)]


async def send(port: int, path: str, head: str, body: bytes, token: str, method: str = "PUT") -> int:
    """The status that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    start = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    writer.write(f"{start}{head}\r\n\r\n".encode() + body)
    line = await reader.readline()
    writer.close()
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", line)
    assert found, line
    return int(found[1])


async def kept(artifacts: ArtifactStore) -> set[str]:
    return {item.path async for batch in artifacts.list("") for item in batch}


@pytest.mark.usefixtures("pending")
async def test_no_packed_file_is_stored(port: int, provider_home: Path, artifacts: ArtifactStore) -> None:
    token = (provider_home / "admin.token").read_text()
    paths = await upload_paths(port, token)
    before = await kept(artifacts)
    length = f"Content-Length: {len(BOMB)}"
    for path in paths:
        for coding in CODINGS:
            head = f"Content-Encoding: {coding}\r\n{length}"
            assert await send(port, path, head, BOMB, token) == 415, (path, coding)
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BOMB), BOMB)
        assert await send(port, path, "Transfer-Encoding: gzip, chunked", chunked, token) in (400, 415)
        head = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked"
        assert await send(port, path, head, chunked, token) == 415
    assert await kept(artifacts) == before


@pytest.mark.usefixtures("pending")
async def test_what_is_sent_as_it_is_is_stored_as_it_came(
    port: int, provider_home: Path, artifacts: ArtifactStore
) -> None:
    """Also a file that is a gzip archive itself."""
    token = (provider_home / "admin.token").read_text()
    head = f"Content-Encoding: Identity\r\nContent-Length: {len(BOMB)}"
    for path in await upload_paths(port, token):
        assert await send(port, path, head, BOMB, token) == 200, path
    sizes = [item.size async for batch in artifacts.list("") for item in batch]
    assert sizes.count(len(BOMB)) == 3


@pytest.mark.parametrize("body", [BOMB, zlib.compress(b"{}"), b"no gzip"])
async def test_no_packed_message_is_read_on_any_face(
    admin: AdminClient, port: int, provider_home: Path, tmp_path: Path, body: bytes
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), "http://x")
    head = f"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    administrator = (provider_home / "admin.token").read_text()
    query = "/delta-sharing/shares/acme/schemas/ml_team/models/scorer/versions/1/query"
    for path, token in (
        (query, profile.bearer_token),
        ("/api/2.1/unity-catalog/catalogs", administrator),
        ("/api/2.0/mlflow/unity-catalog/registered-models/create", administrator),
        ("/api/2.0/mlflow/experiments/create", administrator),
        ("/api/2.0/fs/create-upload-url", administrator),
        ("/artifacts/versions/1/pack", administrator),
    ):
        assert await send(port, path, head, body, token, "POST") == 415, path


async def test_stock_clients_read_it_as_an_error_at_once(port: int, provider_home: Path) -> None:
    """The SDK would try again for minutes if it took it for a failure that passes."""
    token = (provider_home / "admin.token").read_text()

    def create() -> None:
        workspace = WorkspaceClient(host=f"http://127.0.0.1:{port}", token=token)
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        workspace.api_client.do(
            "POST", "/api/2.1/unity-catalog/catalogs", headers=headers, body={"name": "c"}
        )

    async with asyncio.timeout(60):
        with pytest.raises(DatabricksError, match="Content-Encoding") as raised:
            await asyncio.to_thread(create)
    assert raised.value.error_code == "UNSUPPORTED_OPERATION"
    error = error_from_open_sharing(415, "UNSUPPORTED_OPERATION", "why")
    assert type(error) is UnsupportedEncoding

"""Files that clients PUT to a URL they were given: the bucket's own, or this server's over a folder."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import AlreadyExists, InvalidState, NotFound, UnsafePath
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from support.admin_client import AdminClient
from support.model_folder import MLMODEL
from support.uploads import NAME, begun, chunks, finalize, put, stored

pytestmark = pytest.mark.stores("s3", "azure")

FOLDER = f"/Models/{'/'.join(str(NAME).split('.'))}/1"
WEIGHTS = bytes(range(256)) * 40_000


class Client:
    """An HTTP client with the administrator's token, which no bucket sees."""

    def __init__(self, server: TestServer, home: Path) -> None:
        self._server = server
        self._token = (home / "admin.token").read_text()

    async def url(self, path: str, *, overwrite: bool = True) -> dict[str, Any]:
        """The answer to the question where to upload a file to."""
        where = self._server.make_url("/api/2.0/fs/create-upload-url")
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                where, json={"path": f"{FOLDER}/{path}", "overwrite": overwrite}, headers=headers
            ) as answer,
        ):
            answer.raise_for_status()
            given: dict[str, Any] = await answer.json()
            return given

    async def upload(self, given: dict[str, Any], content: bytes) -> int:
        """PUT as told; the status."""
        headers = {header["name"]: header["value"] for header in given["headers"]}
        async with (
            aiohttp.ClientSession() as session,
            session.put(given["url"], data=io.BytesIO(content), headers=headers) as answer,
        ):
            return answer.status

    async def send(self, path: str, content: bytes) -> None:
        assert await self.upload(await self.url(path), content) in (200, 201, 204)


@pytest.fixture
def client(server: TestServer, provider_home: Path) -> Client:
    return Client(server, provider_home)


@pytest.fixture
def in_a_bucket(artifacts: ArtifactStore, request: pytest.FixtureRequest) -> bool:
    return bool(request.node.callspec.params["settings"] != "local")


async def content(admin: AdminClient, version: ModelVersion, path: str) -> bytes:
    opened = await admin.provider.principal_files.open_path(admin.context, NAME, version.version, path)
    pieces = [bytes(piece) async for piece in admin.provider.signed_files.read(opened, 0, opened.size)]
    assert opened.sha256 == sha256(b"".join(pieces)).hexdigest()
    return b"".join(pieces)


async def test_what_came_by_url_is_hashed_and_published(
    admin: AdminClient, server: TestServer, client: Client, in_a_bucket: bool
) -> None:
    await begun(admin)
    given = {path: await client.url(path) for path in ("MLmodel", "data/weights.bin")}
    here = [answer["url"].startswith(str(server.make_url("/"))) for answer in given.values()]
    assert here == [not in_a_bucket] * 2
    assert await client.upload(given["data/weights.bin"], WEIGHTS[::-1]) < 300
    assert await client.upload(given["data/weights.bin"], WEIGHTS) < 300
    assert await client.upload(given["MLmodel"], MLMODEL.encode()) < 300
    version = await finalize(admin)
    assert (version.status, version.num_files) == (VersionStatus.READY, 2)
    assert await content(admin, version, "data/weights.bin") == WEIGHTS
    assert (await admin.provider.fsck.check(admin.context)).problems == []
    # The URL lives on, and reaches nothing that counts.
    late = await client.upload(given["data/weights.bin"], b"late")
    assert late < 300 if in_a_bucket else late == 400
    assert await content(admin, version, "data/weights.bin") == WEIGHTS
    with pytest.raises(aiohttp.ClientResponseError, match="400"):
        await client.url("more.bin")


async def test_a_file_that_did_not_come_is_named_and_can_still_come(
    admin: AdminClient, client: Client, in_a_bucket: bool
) -> None:
    await begun(admin)
    await client.send("MLmodel", MLMODEL.encode())
    given = {path: await client.url(path) for path in ("weights.bin", "unwanted.bin")}
    listed = await admin.provider.principal_files.folder(admin.context, NAME, 1, "")
    assert [entry.path for entry in listed] == ([] if in_a_bucket else ["MLmodel"])
    if in_a_bucket:
        for missing in ("unwanted.bin", "weights.bin"):
            with pytest.raises(InvalidState, match=f"'{missing}' .* was not uploaded"):
                await finalize(admin)
            if missing == "unwanted.bin":
                await admin.provider.uploads.remove(admin.context, NAME, 1, missing)
    with pytest.raises(NotFound):
        await content(admin, await admin.provider.versions.get(admin.context, NAME, 1), "MLmodel")
    assert await client.upload(given["weights.bin"], WEIGHTS) < 300
    version = await finalize(admin)
    assert version.num_files == 2
    assert await content(admin, version, "weights.bin") == WEIGHTS


async def test_of_a_file_that_came_both_ways_the_later_counts(
    admin: AdminClient, client: Client, artifacts: ArtifactStore, in_a_bucket: bool
) -> None:
    pending = await begun(admin)
    await put(admin, pending, "MLmodel", MLMODEL.encode())
    await put(admin, pending, "a.bin", b"through the server")
    await client.send("a.bin", b"by URL, later")
    assert len(await stored(artifacts, f"uploads/{pending.id}")) == (1 if in_a_bucket else 2)
    await client.send("b.bin", b"by URL")
    await put(admin, pending, "b.bin", b"through the server, later")
    version = await finalize(admin)
    assert await content(admin, version, "a.bin") == b"by URL, later"
    assert await content(admin, version, "b.bin") == b"through the server, later"
    for left in (f"uploads/{version.id}", f"direct/{version.id}"):
        assert [batch async for batch in artifacts.list(left) if batch] == []


@pytest.mark.parametrize(
    "path", ["../escape", "a/../../b", "/abs", "a//b", "con", "x/", "", ".git/x", ".Git", "a\u200b"]
)
async def test_no_url_leads_out_of_the_version(admin: AdminClient, path: str) -> None:
    await begun(admin)
    with pytest.raises(UnsafePath):
        await admin.provider.principal_files.sign_file_upload(admin.context, NAME, 1, path, "file/x")
    with pytest.raises(UnsafePath):
        await admin.provider.multipart.begin(admin.context, NAME, 1, path)


async def test_a_file_that_came_by_the_buckets_own_url_is_not_overwritten_either(
    admin: AdminClient, client: Client
) -> None:
    version = await begun(admin)
    await client.send("MLmodel", MLMODEL.encode())
    await client.send("model.pkl", b"first")
    new = await client.url("other.pkl", overwrite=False)
    assert "/uploads/" in new["url"]
    assert await client.upload(new, b"other") == 200
    with pytest.raises(AlreadyExists, match="overwrite=true"):
        await admin.provider.uploads.write(
            admin.context, version, "model.pkl", chunks(b"second"), overwrite=False
        )
    await finalize(admin)
    assert await content(admin, version, "model.pkl") == b"first"
    assert await content(admin, version, "other.pkl") == b"other"

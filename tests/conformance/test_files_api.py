"""The SDK's Files API against the files of versions: folders, ranges, uploads whole and in parts."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path
from typing import TypeVar

import pytest
from aiohttp.test_utils import TestServer
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import AlreadyExists, BadRequest, NotFound

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.databricks_sdk import ask
from support.model_folder import MLMODEL, write_model

T = TypeVar("T")
NAME = FullName.parse("prod.ml_team.scorer")
ROOT = "/Models/prod/ml_team/scorer"
MIB = 1024 * 1024


@pytest.fixture
async def workspace(server: TestServer, provider_home: Path) -> WorkspaceClient:
    token = (provider_home / "admin.token").read_text()
    host = str(server.make_url("/")).rstrip("/")
    return await ask(lambda: WorkspaceClient(host=host, token=token))


@pytest.fixture
async def pending(admin: AdminClient, tmp_path: Path) -> str:
    """The folder of a version that takes files: version 2 of a model."""
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    # As the holder of the token would, who is the same administrator.
    await admin.provider.uploads.create(admin.context, NAME, NewVersion(source="here"))
    return f"{ROOT}/2"


async def download(workspace: WorkspaceClient, path: str) -> bytes:
    def read() -> bytes:
        contents = workspace.files.download(path).contents
        assert contents is not None
        return contents.read()

    return await ask(read)


def random_bytes(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def test_folders_are_listed_level_by_level(
    workspace: WorkspaceClient, admin: AdminClient, tmp_path: Path
) -> None:
    files = {"a.bin": b"1", "code/x.py": b"22", "code/deep/y.py": b"333"}
    await admin.register(write_model(tmp_path / "m", files), str(NAME))
    top = await ask(lambda: list(workspace.files.list_directory_contents(f"{ROOT}/1")))
    assert [(entry.name, entry.is_directory, entry.file_size) for entry in top] == [
        ("MLmodel", False, len(MLMODEL)),
        ("a.bin", False, 1),
        ("code", True, None),
    ]
    below = await ask(lambda: list(workspace.files.list_directory_contents(f"{ROOT}/1/code")))
    assert [entry.path for entry in below] == [f"{ROOT}/1/code/deep", f"{ROOT}/1/code/x.py"]
    assert await ask(lambda: workspace.files.get_directory_metadata(f"{ROOT}/1/code")) is None
    for absent in (f"{ROOT}/1/none", f"{ROOT}/1/a.bin", f"{ROOT}/7", "/Models/prod", "/Volumes/x/y/z"):
        with pytest.raises(NotFound):
            await ask(lambda absent=absent: workspace.files.get_directory_metadata(absent))  # type: ignore[misc]


async def test_a_file_is_downloaded_whole_and_in_parallel_ranges(
    workspace: WorkspaceClient, admin: AdminClient, tmp_path: Path
) -> None:
    content = random_bytes(64 * MIB)
    await admin.register(write_model(tmp_path / "m", {"big.bin": content}), str(NAME))
    path = f"{ROOT}/1/big.bin"
    metadata = await ask(lambda: workspace.files.get_metadata(path))
    assert metadata.content_length == len(content)
    got = await download(workspace, path)
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()
    target = tmp_path / "got.bin"
    await ask(lambda: workspace.files.download_to(path, str(target), use_parallel=True, parallelism=4))
    assert target.read_bytes() == content


@pytest.mark.parametrize("size", [0, 10, 60 * MIB])
async def test_what_is_uploaded_is_what_is_published(
    workspace: WorkspaceClient, admin: AdminClient, pending: str, size: int
) -> None:
    content = random_bytes(size)
    upload = workspace.files.upload
    await ask(lambda: upload(f"{pending}/MLmodel", io.BytesIO(MLMODEL.encode())))
    await ask(lambda: upload(f"{pending}/data/weights.bin", io.BytesIO(b"an earlier try"), overwrite=True))
    await ask(lambda: upload(f"{pending}/data/weights.bin", io.BytesIO(content), overwrite=True))
    finished = await admin.provider.finalization.finalize(admin.context, NAME, 2)
    assert (finished.status, finished.num_files, finished.size) == ("READY", 2, size + len(MLMODEL))
    assert await download(workspace, f"{pending}/data/weights.bin") == content
    async with admin.provider.database.read() as rows:
        assert await rows.uploads.files(finished.id) == []


async def test_a_file_can_be_taken_out_again_until_the_version_is_ready(
    workspace: WorkspaceClient, admin: AdminClient, pending: str
) -> None:
    for name in ("MLmodel", "wrong.bin"):
        content = io.BytesIO(MLMODEL.encode())
        await ask(lambda name=name, content=content: workspace.files.upload(f"{pending}/{name}", content))  # type: ignore[misc]
    await ask(lambda: workspace.files.delete(f"{pending}/wrong.bin"))
    with pytest.raises(NotFound):
        await ask(lambda: workspace.files.delete(f"{pending}/wrong.bin"))
    finished = await admin.provider.finalization.finalize(admin.context, NAME, 2)
    assert finished.num_files == 1
    with pytest.raises(BadRequest, match="READY"):
        await ask(lambda: workspace.files.upload(f"{pending}/late.bin", io.BytesIO(b"late")))
    with pytest.raises(BadRequest, match="READY"):
        await ask(lambda: workspace.files.delete(f"{pending}/MLmodel"))


@pytest.mark.parametrize(
    "path", ["../escape", "a/../../b", "con", "a\\b", "x/", "/abs", "a//b", "~/x\x00", ".git/x"]
)
async def test_paths_that_must_not_be_are_refused(
    workspace: WorkspaceClient, pending: str, provider_home: Path, path: str
) -> None:
    before = sorted(provider_home.rglob("*"))
    with pytest.raises((BadRequest, NotFound)):
        await ask(lambda: workspace.files.upload(f"{pending}/{path}", io.BytesIO(b"x")))
    assert [each for each in sorted(provider_home.rglob("*")) if "uploads" not in each.parts] == [
        each for each in before if "uploads" not in each.parts
    ]


@pytest.mark.parametrize("size", [10, 60 * MIB])
async def test_an_upload_that_may_not_overwrite_keeps_the_file_that_is_there(
    workspace: WorkspaceClient, admin: AdminClient, pending: str, size: int
) -> None:
    path, first = f"{pending}/weights.bin", io.BytesIO(random_bytes(size))
    await ask(lambda: workspace.files.upload(path, first, overwrite=False))
    other = io.BytesIO(random_bytes(size + 1))
    with pytest.raises(AlreadyExists, match="overwrite=true"):
        await ask(lambda: workspace.files.upload(path, other, overwrite=False))
    await ask(lambda: workspace.files.upload(f"{pending}/MLmodel", io.BytesIO(MLMODEL.encode())))
    await admin.provider.finalization.finalize(admin.context, NAME, 2)
    assert await download(workspace, path) == random_bytes(size)


async def test_a_folder_is_not_created_empty_and_is_there_with_its_first_file(
    workspace: WorkspaceClient, pending: str
) -> None:
    with pytest.raises(BadRequest, match="upload a file into it"):
        await ask(lambda: workspace.files.create_directory(f"{pending}/data"))
    await ask(lambda: workspace.files.upload(f"{pending}/data/a.bin", io.BytesIO(b"a")))
    await ask(lambda: workspace.files.create_directory(f"{pending}/data"))
    await ask(lambda: workspace.files.create_directory(pending))

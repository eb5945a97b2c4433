"""A folder becomes a version whole, or not at all."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import (
    InvalidModel,
    InvalidParameter,
    NotFound,
    ResourceExhausted,
    SharingError,
    UnsafePath,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.artifacts.manifests import Manifests
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.metastore.rows.versions import VersionRows
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = [pytest.mark.each_database, pytest.mark.stores("s3")]

NAME = "prod.ml_team.scorer"
FULL = FullName.parse(NAME)


async def stored_files(artifacts: ArtifactStore) -> set[str]:
    return {
        item.path
        for folder in ("models", "manifests")
        async for batch in artifacts.list(folder)
        for item in batch
    }


async def test_the_manifest_is_the_folder(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path
) -> None:
    files = {"model.pkl": os.urandom(9_000_001), "a b/ü.txt": b"", "data/x#1.json": b"{}"}
    folder = write_model(tmp_path / "m", files)
    version = await admin.register(folder, NAME, "Champion")
    manifest = (await Manifests(artifacts).read(version.id)).manifest
    assert {file.path for file in manifest.files} == {"MLmodel", *files}
    for file in manifest.files:
        assert (file.size, file.sha256) == hash_file(folder / file.path)
        assert await artifacts.sha256(f"{version.storage_path}/{file.path}", file.size) == file.sha256
    assert (version.version, version.digest, version.num_files) == (1, manifest.digest, 4)
    assert (version.signature or {})["inputs"][0]["name"] == "x"
    assert (await admin.provider.models.get(admin.context, FULL)).aliases == {"Champion": 1}


async def test_every_file_is_on_the_disk_before_its_version_is_there(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr("model_sharing_protocol.atomic_files.os.fsync", noting)
    version = await admin.register(write_model(tmp_path / "m", {"a/weights.bin": b"w"}), NAME)
    if not artifacts.in_bucket:  # which sees to it itself
        root = Path(artifacts.location(version.storage_path).removeprefix("file://"))
        assert {path.stat().st_ino for path in (root, *root.rglob("*"))} <= synced


@pytest.mark.parametrize(
    ("mlmodel", "says"),
    [
        (None, "no MLmodel file"),
        ("{unclosed", "not YAML"),
        ("just text", "no flavors"),
        ("flavors: {}\n", "no signature.*infer_signature"),
        ("flavors: {}\nsignature:\n  inputs: '{broken'\n", "not JSON"),
    ],
)
async def test_what_is_no_model_is_refused_with_the_reason_and_the_fix(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, mlmodel: str | None, says: str
) -> None:
    folder = write_model(tmp_path / "m")
    if mlmodel is None:
        (folder / "MLmodel").unlink()
    else:
        (folder / "MLmodel").write_text(mlmodel)
    with pytest.raises(InvalidModel, match=says):
        await admin.register(folder, NAME)
    assert await stored_files(artifacts) == set()
    with pytest.raises(NotFound):
        await admin.provider.models.get(admin.context, FULL)


async def test_unsafe_files_are_refused_before_a_byte_is_copied(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path
) -> None:
    with pytest.raises(UnsafePath, match="nul"):
        await admin.register(write_model(tmp_path / "device", {"nul.json": b""}), NAME)
    with pytest.raises(UnsafePath, match="same file"):
        await admin.register(write_model(tmp_path / "twins", {"A.txt": b"", "a.txt": b""}), NAME)
    with pytest.raises(UnsafePath, match=r"\.git.*remove it"):
        await admin.register(write_model(tmp_path / "cloned", {".git/config": b""}), NAME)
    with pytest.raises(UnsafePath, match="git repository"):
        repository = {"data/HEAD": b"", "data/objects/x": b"", "data/refs/x": b""}
        await admin.register(write_model(tmp_path / "bare", repository), NAME)
    linked = write_model(tmp_path / "linked")
    (linked / "everything").symlink_to("/etc", target_is_directory=True)
    with pytest.raises(InvalidModel, match="symbolic link"):
        await admin.register(linked, NAME)
    piped = write_model(tmp_path / "piped")
    os.mkfifo(piped / "pipe")
    with pytest.raises(InvalidModel, match="not a regular file"):
        await admin.register(piped, NAME)
    assert await stored_files(artifacts) == set()


async def test_a_copy_that_fails_leaves_nothing_and_uses_no_number(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await admin.register(write_model(tmp_path / "good"), NAME)
    kept = await stored_files(artifacts)
    broken = write_model(tmp_path / "broken", {f"{n}.bin": b"x" * 10_000 for n in range(20)})

    async def vanish(*_: object) -> None:
        raise OSError(5, "Input/output error")

    for place in ("sync", "put_bytes"):
        monkeypatch.setattr(ArtifactStore, place, vanish)
        with pytest.raises(OSError, match="Input"):
            await admin.register(broken, NAME)
        monkeypatch.undo()
        assert await stored_files(artifacts) == kept
    # Even when all was copied, the manifest too, and only the row could not be written.
    monkeypatch.setattr(VersionRows, "add", vanish)
    with pytest.raises(OSError, match="Input"):
        await admin.register(broken, NAME)
    monkeypatch.undo()
    assert await stored_files(artifacts) == kept
    second = await admin.register(write_model(tmp_path / "next"), NAME)
    assert (first.version, second.version) == (1, 2)


async def test_ten_aliases_and_not_one_more(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    models = admin.provider.models
    for number in range(10):
        await models.set_alias(admin.context, FULL, f"a{number}", 1)
    with pytest.raises(ResourceExhausted, match="10 aliases"):
        await models.set_alias(admin.context, FULL, "one-more", 1)
    await models.set_alias(admin.context, FULL, "A3", 1)
    assert set((await models.get(admin.context, FULL)).aliases) >= {"A3", "a4"}
    await models.delete_alias(admin.context, FULL, "a0")
    await models.set_alias(admin.context, FULL, "one-more", 1)


@pytest.mark.parametrize("alias", ["latest", "Latest", "v7"])
async def test_reserved_aliases_are_refused_before_a_byte_is_copied(
    admin: AdminClient, artifacts: ArtifactStore, tmp_path: Path, alias: str
) -> None:
    with pytest.raises(InvalidParameter, match="reserved"):
        await admin.register(write_model(tmp_path / "m"), NAME, alias)
    assert await stored_files(artifacts) == set()


async def test_aliases_point_at_versions_that_are_there(admin: AdminClient, tmp_path: Path) -> None:
    await admin.register(write_model(tmp_path / "m"), NAME)
    with pytest.raises(NotFound, match="no READY version 2"):
        await admin.provider.models.set_alias(admin.context, FULL, "Champion", 2)
    with pytest.raises(NotFound, match="no alias"):
        await admin.provider.models.delete_alias(admin.context, FULL, "Champion")


async def test_a_missing_schema_says_how_to_create_it(admin: AdminClient, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"schema create prod\.ml_team"):
        await admin.provider.registration.register(admin.context, write_model(tmp_path / "m"), FULL)


async def test_registrations_at_once_get_numbers_of_their_own(admin: AdminClient, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    await admin.register(folder, NAME)
    versions = await asyncio.gather(*(admin.register(folder, NAME) for _ in range(20)))
    assert sorted(version.version for version in versions) == list(range(2, 22))
    page = await admin.provider.versions.page(admin.context, FULL, PageRequest(size=15))
    assert [version.version for version in page.items] == list(range(1, 16))
    rest = await admin.provider.versions.page(admin.context, FULL, PageRequest(15, page.last_key))
    assert [version.version for version in rest.items] == list(range(16, 22))


async def test_names_taken_and_names_missing(admin: AdminClient) -> None:
    catalogs = admin.provider.catalogs
    await catalogs.create(admin.context, "prod")
    for again in ("prod", "PROD"):
        with pytest.raises(SharingError, match="exists already"):
            await catalogs.create(admin.context, again)
    with pytest.raises(NotFound, match="catalog create dev"):
        await catalogs.create_schema(admin.context, FullName("dev", "x", "y").schema_name)


@pytest.mark.parametrize("empty", ["scratch", "data/deep", "data/a/b", "assets"])
async def test_an_empty_folder_is_refused_by_its_name(admin: AdminClient, tmp_path: Path, empty: str) -> None:
    folder = write_model(tmp_path / "m", {"data/x.bin": b"x", "empty.txt": b""})
    (folder / empty).mkdir(parents=True)
    with pytest.raises(InvalidModel, match=f"'{empty}' is empty"):
        await admin.register(folder, NAME)


async def test_the_empty_folder_of_a_tensorflow_model_is_no_loss(admin: AdminClient, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m", {"data/model/saved_model.pb": b"x"})
    (folder / "data/model/assets").mkdir()
    assert (await admin.register(folder, NAME)).num_files == 2

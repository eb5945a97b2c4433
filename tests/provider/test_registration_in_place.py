"""Models in external locations: read where an administrator allowed it, never written and never deleted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidModel,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    SharingError,
    UnsafePath,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_protocol.progress import Progress
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings
from model_sharing_provider.domain.locations import parse_location
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.files import read_tree
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.scorer")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder of the company's, where its models are written by other tools."""
    folder = tmp_path / "data lake"
    folder.mkdir()
    return folder


@pytest.fixture
async def provider(provider_home: Path, lake: Path) -> AsyncIterator[ProviderServices]:
    """A provider that may share what is in the lake."""
    allowed = (parse_location(lake.as_uri()),)
    async with open_provider(Settings(provider_home, external_locations=allowed)) as opened:
        yield opened


@pytest.fixture
async def admin(provider: ProviderServices) -> AdminClient:
    admin = AdminClient.of(provider)
    await provider.catalogs.create(admin.context, NAME.catalog)
    await provider.catalogs.create_schema(admin.context, NAME.schema_name)
    return admin


@pytest.fixture
def recipient_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "recipient-home"))
    yield tmp_path / "recipient-home"
    blocking.close()


async def register(admin: AdminClient, url: str) -> ModelVersion:
    return await admin.provider.registration.register_in_place(admin.context, url, NAME)


async def mounted(admin: AdminClient, server: TestServer, tmp_path: Path) -> model_sharing.Catalog:
    endpoint = str(server.make_url("/delta-sharing"))
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    return await asyncio.to_thread(
        model_sharing.mount, tmp_path / "globex.share", share="acme", name="vendor", trust_remote_code=True
    )


async def test_nothing_is_copied_and_the_manifest_is_the_folder(
    admin: AdminClient, lake: Path, provider_home: Path
) -> None:
    files = {"model.pkl": os.urandom(9_000_001), "a b/ü%20.txt": b"", "data/x#1.json": b"{}"}
    folder = write_model(lake / "m 1", files)
    before = read_tree(lake)
    seen: list[Progress] = []
    version = await admin.provider.registration.register_in_place(
        admin.context,
        folder.as_uri() + "/",
        NAME,
        alias="Champion",
        progress=seen.append,
    )
    assert version.in_place
    assert version.storage_path == f"file://{folder}"
    assert version.size
    assert [now.bytes_done for now in seen if now.phase == "reading" and now.bytes_total == version.size][
        -1
    ] == version.size
    assert any(4_000_000 < now.bytes_done < 9_000_000 for now in seen)
    assert (version.signature or {})["inputs"][0]["name"] == "x"
    entries = await admin.provider.principal_files.folder(admin.context, NAME, 1, "")
    assert {entry.path for entry in entries} == {"MLmodel", "model.pkl", "a b", "data"}
    opened = await admin.provider.principal_files.open_path(admin.context, NAME, 1, "a b/ü%20.txt")
    assert (opened.size, opened.sha256) == hash_file(folder / "a b/ü%20.txt")
    assert read_tree(lake) == before
    stored = [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]
    assert sorted(path.parent.name for path in stored) == ["chunk-maps", "manifests"]


async def test_recipients_download_it_like_any_other(
    admin: AdminClient, lake: Path, server: TestServer, tmp_path: Path, recipient_home: Path
) -> None:
    folder = write_model(lake / "m", {"model.pkl": os.urandom(9_000_001), "data/empty": b""})
    await register(admin, folder.as_uri())
    catalog = await mounted(admin, server, tmp_path)
    await asyncio.to_thread(catalog.download, f"{NAME.schema}.{NAME.name}/1", tmp_path / "got")
    assert read_tree(tmp_path / "got") == read_tree(folder)


async def test_what_was_changed_behind_the_registrys_back_is_refused(
    admin: AdminClient, lake: Path, server: TestServer, tmp_path: Path, recipient_home: Path
) -> None:
    folder = write_model(lake / "m", {"model.pkl": b"weights"})
    await register(admin, folder.as_uri())
    catalog = await mounted(admin, server, tmp_path)
    (folder / "model.pkl").write_bytes(b"weighty")
    with pytest.raises(CorruptArtifact, match=r"model\.pkl"):
        await asyncio.to_thread(catalog.download, f"{NAME.schema}.{NAME.name}/1", tmp_path / "same size")
    (folder / "model.pkl").write_bytes(b"more weights")
    with pytest.raises(CorruptArtifact, match=r"model\.pkl has 12 bytes, but was registered with 7"):
        await admin.provider.principal_files.open_path(admin.context, NAME, 1, "model.pkl")
    with pytest.raises(SharingError):
        await asyncio.to_thread(catalog.download, f"{NAME.schema}.{NAME.name}/1", tmp_path / "larger")
    (folder / "model.pkl").unlink()
    with pytest.raises(NotFound, match="gone from the external location"):
        await admin.provider.principal_files.open_path(admin.context, NAME, 1, "model.pkl")


async def test_a_location_taken_off_the_list_is_served_no_more(
    admin: AdminClient,
    lake: Path,
    server: TestServer,
    provider_home: Path,
    tmp_path: Path,
    recipient_home: Path,
) -> None:
    await register(admin, write_model(lake / "m").as_uri())
    catalog = await mounted(admin, server, tmp_path)
    async with open_provider(Settings(provider_home)) as stricter:
        with pytest.raises(PermissionDenied, match="MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS"):
            await stricter.principal_files.open_path(AdminClient.of(stricter).context, NAME, 1, "MLmodel")
    admin.provider.recipient_files._artifacts._external.allowed = ()
    with pytest.raises(PermissionDenied, match="external locations") as refused:
        await asyncio.to_thread(catalog.download, f"{NAME.schema}.{NAME.name}/1", tmp_path / "got")
    assert str(lake) not in refused.value.message


async def test_deleting_the_version_leaves_the_files(admin: AdminClient, lake: Path) -> None:
    folder = write_model(lake / "m")
    before = read_tree(lake)
    await register(admin, folder.as_uri())
    copied = await admin.provider.copies.copy(admin.context, NAME, 1, FullName.parse("prod.ml_team.copied"))
    assert copied.in_place
    await admin.provider.versions.delete(admin.context, NAME, 1)
    await admin.provider.models.delete(admin.context, NAME)
    await admin.provider.models.delete(admin.context, FullName.parse("prod.ml_team.copied"))
    assert read_tree(lake) == before


async def test_places_that_only_look_allowed_are_refused(
    admin: AdminClient, lake: Path, tmp_path: Path
) -> None:
    outside = write_model(tmp_path / "data lake-secret" / "m")
    for url in (outside.as_uri(), tmp_path.as_uri(), "s3://bucket/m", "file:///etc"):
        with pytest.raises(PermissionDenied, match="MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS"):
            await register(admin, url)
    for dots in ("..", "%2e%2e", ".%2E", "x/../..", "..%2f"):
        with pytest.raises((UnsafePath, PermissionDenied)):
            await register(admin, f"{lake.as_uri()}/{dots}/data%20lake-secret/m")
    for url in ("/etc", "file:/etc", "file://host/etc", "http://host/m", "s3:///m", "s3://user@b/m", ""):
        with pytest.raises(InvalidParameter, match="not an external location"):
            await register(admin, url)
    with pytest.raises(UnsafePath):
        await register(admin, f"{lake.as_uri()}/m%00")
    with pytest.raises(NotFound):
        await admin.provider.models.get(admin.context, NAME)


async def test_symbolic_links_lead_nowhere_else(admin: AdminClient, lake: Path, tmp_path: Path) -> None:
    outside = write_model(tmp_path / "outside")
    (lake / "link").symlink_to(outside, target_is_directory=True)
    with pytest.raises(PermissionDenied, match="symbolic link"):
        await register(admin, f"{lake.as_uri()}/link")
    folder = write_model(lake / "m")
    (folder / "secret").symlink_to(outside / "MLmodel")
    with pytest.raises(PermissionDenied, match="'secret' is a symbolic link"):
        await register(admin, folder.as_uri())
    (folder / "secret").unlink()
    (folder / "within").symlink_to(folder / "model.pkl")
    await register(admin, folder.as_uri())
    (folder / "within").unlink()
    (folder / "within").symlink_to(outside / "model.pkl")
    with pytest.raises(PermissionDenied, match="symbolic link"):
        await admin.provider.principal_files.open_path(admin.context, NAME, 1, "within")


async def test_what_is_no_model_is_refused(admin: AdminClient, lake: Path) -> None:
    (lake / "empty").mkdir()
    for url in (f"{lake.as_uri()}/empty", f"{lake.as_uri()}/nowhere"):
        with pytest.raises(InvalidModel, match="no MLmodel file"):
            await register(admin, url)
    unsigned = write_model(lake / "unsigned")
    (unsigned / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(InvalidModel, match="no signature"):
        await register(admin, unsigned.as_uri())
    with pytest.raises(UnsafePath, match="same file"):
        await register(admin, write_model(lake / "twins", {"A.txt": b"", "a.txt": b""}).as_uri())
    with pytest.raises(UnsafePath, match="git"):
        await register(admin, write_model(lake / "cloned", {"code/.git": b"gitdir: /tmp"}).as_uri())


def test_the_setting_names_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS", " s3://bucket/a%20b/ ,,file:///data/a%20b"
    )
    assert read_settings().external_locations == ("s3://bucket/a%20b", "file:///data/a b")
    for wrong in ("https://host/models", "file:///a/../b", "bucket"):
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS", f"s3://bucket,{wrong}")
        with pytest.raises(InvalidParameter, match="MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS"):
            read_settings()

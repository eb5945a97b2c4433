"""Models in a bucket are shared from there: a store that nobody here wrote holds the files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from obstore.store import ObjectStore

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.errors import InvalidModel, PermissionDenied
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.services.provider_services import ProviderServices
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.object_stores.servers import KINDS, put_marker

NAME = FullName.parse("prod.ml_team.scorer")
FILES = {"MLmodel": MLMODEL.encode(), "data/a%20b c.bin": os.urandom(9_000_001), "data/empty": b""}


pytestmark = pytest.mark.parametrize("bucket", KINDS, indirect=True)


@pytest.fixture
async def store(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ObjectStore:
    """A bucket with a model in `models/m`."""
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "recipient-home"))
    store = open_bucket(bucket).client
    for path, content in FILES.items():
        await obstore.put_async(store, f"models/m/{path}", content)
        await obstore.put_async(store, f"models-secret/m/{path}", content)
    # As the consoles of object stores mark folders.
    for folder in ("models/m", "models/m/data"):
        await obstore.put_async(store, folder, b"")
    return store


@pytest.fixture
async def provider(provider_home: Path, bucket: str, store: ObjectStore) -> AsyncIterator[ProviderServices]:
    async with open_provider(Settings(provider_home, external_locations=(f"{bucket}/models",))) as opened:
        context = AdminClient.of(opened).context
        await opened.catalogs.create(context, NAME.catalog)
        await opened.catalogs.create_schema(context, NAME.schema_name)
        yield opened


async def test_a_recipient_downloads_from_a_bucket_through_the_provider(
    admin: AdminClient, endpoint: str, bucket: str, store: ObjectStore, tmp_path: Path
) -> None:
    register = admin.provider.registration.register_in_place
    version = await register(admin.context, f"{bucket}/models/m", NAME)
    assert version.num_files == len(FILES)
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")

    def download() -> None:
        profile = tmp_path / "globex.share"
        catalog = model_sharing.mount(profile, share="acme", name="vendor", trust_remote_code=True)
        catalog.download("ml_team.scorer/1", tmp_path / "got")
        blocking.close()

    await asyncio.to_thread(download)
    assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
    await admin.provider.models.delete(admin.context, NAME)
    assert len([item async for batch in obstore.list(store, "models/m/") for item in batch]) >= len(FILES)
    with pytest.raises(PermissionDenied):
        await register(admin.context, f"{bucket}/models-secret/m", NAME)
    with pytest.raises(InvalidModel, match="no MLmodel file"):
        await register(admin.context, f"{bucket}/models/nothing", NAME)


MARKERS: dict[str, dict[str, str]] = {
    "models/m/": {},
    "models/m/data/": {},
    "models/m/plots/": {},
    "models/m/plots/deep/": {},
    "models/m/logs_$folder$": {},
    "models/m/tables": {"Content-Type": "application/x-directory; charset=UTF-8"},
    "models/m/views": {"x-ms-meta-hdi_isfolder": "true", "x-amz-meta-hdi_isfolder": "true"},
}


async def test_markers_of_folders_are_no_files_and_empty_files_are(
    admin: AdminClient, bucket: str, store: ObjectStore
) -> None:
    for key, headers in MARKERS.items():
        await asyncio.to_thread(put_marker, bucket, key, headers)
    version = await admin.provider.registration.register_in_place(admin.context, f"{bucket}/models/m", NAME)
    entries = await admin.provider.principal_files.folder(admin.context, NAME, 1, "")
    below = await admin.provider.principal_files.folder(admin.context, NAME, 1, "data")
    files = {entry.path for entry in (*entries, *below) if not entry.is_directory}
    assert (files, version.num_files) == (set(FILES), len(FILES))
    assert (await admin.provider.fsck.check(admin.context)).problems == []


async def test_markers_below_the_artifact_root_are_neither_damage_nor_in_the_way(
    provider_home: Path, bucket: str, tmp_path: Path
) -> None:
    async with open_provider(Settings(provider_home, artifact_root=f"{bucket}/root")) as provider:
        admin = AdminClient.of(provider)
        version = await admin.register(write_model(tmp_path / "m"), str(NAME))
        for key in ("models/", f"models/{version.model_id}/", f"{version.storage_path}/plots/"):
            await asyncio.to_thread(put_marker, bucket, f"root/{key}", {})
        found = await provider.fsck.check(admin.context)
        assert (found.problems, found.orphans.foreign_paths, found.orphans.versions) == ([], [], [])
        await provider.models.delete(admin.context, NAME)
    left = [item async for batch in obstore.list(open_bucket(bucket).client, "root/models") for item in batch]
    assert {item["size"] for item in left} == {0}

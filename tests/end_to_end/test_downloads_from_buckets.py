"""A provider whose artifacts are in a bucket: recipients fetch from there, not through its server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import obstore
import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing_protocol.errors import NotASharingServer, NotFound
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.profile import write_profile
from model_sharing_provider.artifacts.backends.opening import open_bucket
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.bf16_weights import fine_tuned, weights
from support.model_folder import write_model

NAME = "prod.ml_team.scorer"
FILES = {"weights.bin": os.urandom(40_000_000), "data/a%20b c #2.json": b"{}", "empty": b""}


@pytest.fixture
def settings(provider_home: Path, bucket: str) -> Settings:
    return Settings(
        provider_home, artifact_root=f"{bucket}/a prefix", external_locations=(f"{bucket}/a lake",)
    )


@pytest.fixture
async def profile(admin: AdminClient, endpoint: str, tmp_path: Path) -> Path:
    await admin.register(write_model(tmp_path / "m", FILES), NAME, "Champion")
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    return tmp_path / "globex.share"


async def files_through_the_server(admin: AdminClient) -> list[str]:
    events = await admin.provider.audit.latest(admin.context, 1000, action=AuditAction.GET_FILE)
    return [event.target.name for event in events]


async def test_a_download_comes_from_the_bucket(
    admin: AdminClient, profile: Path, s3: str, tmp_path: Path, recipient_home: Path
) -> None:
    def download() -> None:
        vendor = model_sharing.mount(profile, share="acme", name="vendor")
        assert vendor.mount.file_origins == (s3,)
        vendor.download("ml_team.scorer@Champion", tmp_path / "got")

    await asyncio.to_thread(download)
    assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
    assert await files_through_the_server(admin) == []
    await admin.provider.share_permissions.revoke(admin.context, "acme", "globex")
    with pytest.raises(NotFound):
        await asyncio.to_thread(model_sharing.catalog("vendor").snapshot, "ml_team.scorer@Champion")


async def test_a_volume_comes_from_the_bucket(
    admin: AdminClient, profile: Path, bucket: str, tmp_path: Path, recipient_home: Path
) -> None:
    store = open_bucket(bucket).client
    for path, content in FILES.items():
        await obstore.put_async(store, f"a lake/prompts/{path}", content)
    name = SharedName("evaluation", "prompts")
    await admin.provider.shares.add_volume(admin.context, "acme", f"{bucket}/a lake/prompts", name)

    def download() -> None:
        vendor = model_sharing.mount(profile, share="acme", name="vendor")
        vendor.download_volume("evaluation.prompts", tmp_path / "got")

    await asyncio.to_thread(download)
    assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
    assert await files_through_the_server(admin) == []


async def test_a_delta_comes_from_the_bucket(
    admin: AdminClient, endpoint: str, tmp_path: Path, recipient_home: Path
) -> None:
    before = weights(5_000_000)
    await admin.register(write_model(tmp_path / "1", {"weights.bin": before}), NAME)
    after = write_model(tmp_path / "2", {"weights.bin": fine_tuned(before)})
    await admin.provider.registration.register(admin.context, after, FullName.parse(NAME), delta_from=1)
    profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")

    def download() -> None:
        vendor = model_sharing.mount(tmp_path / "globex.share", share="acme", name="vendor")
        vendor.snapshot("ml_team.scorer/1")
        snapshot = vendor.snapshot("ml_team.scorer/2")
        assert (snapshot.folder / "weights.bin").read_bytes() == fine_tuned(before)
        assert 0 < snapshot.fetched < len(before) / 4

    await asyncio.to_thread(download)
    assert await files_through_the_server(admin) == []


async def test_a_bucket_that_came_later_is_accepted_by_mounting_again(
    admin: AdminClient, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipient_home: Path
) -> None:
    with monkeypatch.context() as before:
        before.setattr(type(admin.provider.recipient_files), "file_origins", _nowhere)
        vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    with pytest.raises(NotASharingServer, match="mount the same again"):
        await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    vendor = await asyncio.to_thread(model_sharing.mount, profile, share="acme", name="vendor")
    snapshot = await asyncio.to_thread(vendor.snapshot, "ml_team.scorer@Champion")
    assert (snapshot.folder / "weights.bin").read_bytes() == FILES["weights.bin"]


async def _nowhere(_access: object) -> tuple[str, ...]:
    return ()


class TestThroughTheServer:
    """The bucket is not to be reached from outside."""

    @pytest.fixture
    def settings(self, provider_home: Path, bucket: str) -> Settings:
        return Settings(provider_home, artifact_root=bucket, presigned_urls=False)

    async def test_a_download_comes_through_the_server(
        self, admin: AdminClient, profile: Path, server: TestServer, tmp_path: Path, recipient_home: Path
    ) -> None:
        def download() -> None:
            vendor = model_sharing.mount(profile, share="acme", name="vendor")
            assert vendor.mount.file_origins == ()
            vendor.download("ml_team.scorer@Champion", tmp_path / "got")

        await asyncio.to_thread(download)
        assert {path: (tmp_path / "got" / path).read_bytes() for path in FILES} == FILES
        assert await files_through_the_server(admin)


@pytest.mark.parametrize("bucket", ["azure"], indirect=True)
class TestOnAzure:
    """It looks at every signature."""

    @pytest.fixture
    def settings(self, provider_home: Path, bucket: str) -> Settings:
        return Settings(provider_home, artifact_root=f"{bucket}/models")

    async def test_a_version_comes_from_there_unless_a_name_in_it_cannot_be_signed(
        self, admin: AdminClient, endpoint: str, azure: str, tmp_path: Path, recipient_home: Path
    ) -> None:
        plain = {"weights.bin": os.urandom(20_000_000), "data/x.json": b"{}", "empty": b""}
        await admin.register(write_model(tmp_path / "m1", plain), NAME)
        odd = {"data/a b#2.json": os.urandom(5_000_000)}
        await admin.register(write_model(tmp_path / "m2", plain | odd), NAME)
        profile = await admin.activate(await admin.share("acme", "globex", NAME), endpoint)
        write_profile(profile.to_json(), tmp_path / "globex.share")

        def download(version: int) -> None:
            vendor = model_sharing.mount(tmp_path / "globex.share", share="acme", name="vendor")
            assert vendor.mount.file_origins == (azure.rpartition("/")[0],)
            vendor.download(f"ml_team.scorer/{version}", tmp_path / f"got{version}")

        await asyncio.to_thread(download, 1)
        assert {path: (tmp_path / "got1" / path).read_bytes() for path in plain} == plain
        assert await files_through_the_server(admin) == []
        await asyncio.to_thread(download, 2)
        assert {path: (tmp_path / "got2" / path).read_bytes() for path in plain | odd} == plain | odd
        assert {name.rpartition(":")[2] for name in await files_through_the_server(admin)} == set(odd)

"""Whoever owns a PENDING version may write its files to the bucket itself, until it is READY."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import botocore.session
import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from model_sharing_protocol.errors import ArtifactStoreUnavailable, InvalidState, PermissionDenied, UnsafePath
from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.artifacts.credentials.vending import Vending
from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.layout import direct_root
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.securables import ModelVersion, VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.publishing import finalization
from support.model_folder import MLMODEL
from support.object_stores.cloud_provider import NAME, ROOT, CloudProvider, s3_client
from support.patience import PATIENCE
from support.principals import create_user

MODEL = FullName.parse(NAME)


@pytest.fixture
async def pending(cloud: CloudProvider) -> ModelVersion:
    return await cloud.admin.provider.uploads.create(cloud.admin.context, MODEL, NewVersion())


async def writer(cloud: CloudProvider, bucket: str) -> S3Store:
    """A plain client with what the registry gave for version 2."""
    answer = await cloud.ask_registry("READ_WRITE_MODEL_VERSION", 2)
    return s3_client(bucket, **answer.json["aws_temp_credentials"])


async def test_what_was_written_is_found_hashed_and_published(
    cloud: CloudProvider, pending: ModelVersion, bucket: str
) -> None:
    provider, context = cloud.admin.provider, cloud.admin.context
    folder = f"{ROOT}/{direct_root(pending.id)}"
    assert provider.storage_credentials.location(pending) == f"{bucket}/{folder}"
    store = await writer(cloud, bucket)
    large = bytes(range(256)) * 4096 * 6
    await obstore.put_async(store, f"{folder}/MLmodel", MLMODEL.encode())
    await obstore.put_async(store, f"{folder}/data/a b.bin", large, use_multipart=True, chunk_size=5 * 2**20)
    await provider.uploads.write(context, pending, "notes.txt", _chunks(b"by the Files API"))

    ready = await provider.finalization.finalize(context, MODEL, 2)
    assert ready.status is VersionStatus.READY
    entries = {entry.path for entry in await provider.principal_files.folder(context, MODEL, 2, "")}
    assert entries == {"MLmodel", "data", "notes.txt"}
    opened = await provider.principal_files.open_path(context, MODEL, 2, "data/a b.bin")
    assert (opened.size, opened.sha256) == (len(large), hashlib.sha256(large).hexdigest())
    assert not (await provider.fsck.check(context)).problems

    # The credentials live on, and reach nothing that counts.
    final = f"{ROOT}/{ready.storage_path}/data/a b.bin"
    with pytest.raises(BaseError, match="AccessDenied"):
        await obstore.put_async(store, final, b"planted", use_multipart=False)
    await obstore.put_async(store, f"{folder}/data/a b.bin", b"planted", use_multipart=False)
    assert not (await provider.fsck.check(context)).problems
    assert (await cloud.ask_registry("READ_WRITE_MODEL_VERSION", 2)).status == 400


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_it_is_for_the_owner_of_a_pending_version(cloud: CloudProvider, pending: ModelVersion) -> None:
    ana = await create_user(cloud.admin, "ana")
    with pytest.raises(PermissionDenied):
        await cloud.admin.provider.principal_credentials.write(await ana.context(), MODEL, 2)
    with pytest.raises(InvalidState, match="READY"):
        await cloud.admin.provider.principal_credentials.write(cloud.admin.context, MODEL, 1)
    # To read, there is nothing yet.
    assert "aws_temp_credentials" not in (await cloud.ask_registry("READ_MODEL_VERSION", 2)).json


async def test_credentials_are_logged_when_they_are_given_out(
    cloud: CloudProvider, pending: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud that gives none makes it a failure; the caller may upload in other ways, and that is logged."""

    async def logged() -> list[tuple[AuditAction | str, Outcome]]:
        events = await cloud.admin.provider.audit.latest(cloud.admin.context, 2)
        return [(event.action, event.outcome) for event in reversed(events)]

    async def unreachable(*_: object, **__: object) -> None:
        raise ArtifactStoreUnavailable("The cloud does not answer.")

    generate = AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL
    begun = AuditAction.BEGIN_MODEL_VERSION_UPLOAD, Outcome.OK
    await cloud.ask_registry("READ_WRITE_MODEL_VERSION", 2)
    assert await logged() == [begun, (generate, Outcome.OK)]
    monkeypatch.setattr(Vending, "vend", unreachable)
    assert (await cloud.ask_registry("READ_WRITE_MODEL_VERSION", 2)).status == 503
    assert await logged() == [begun, (generate, Outcome.FAILED)]


async def test_one_version_cannot_be_written_from_another(
    cloud: CloudProvider, pending: ModelVersion, bucket: str
) -> None:
    other = await cloud.admin.provider.uploads.create(cloud.admin.context, MODEL, NewVersion())
    store = await writer(cloud, bucket)
    for path in (
        f"{direct_root(other.id)}/MLmodel",
        f"uploads/{pending.id}/x",
        f"{pending.storage_path}/MLmodel",
        f"{cloud.version.storage_path}/MLmodel",
        f"manifests/{cloud.version.id}.json",
    ):
        with pytest.raises(BaseError, match="AccessDenied"):
            await obstore.put_async(store, f"{ROOT}/{path}", b"planted", use_multipart=False)


async def test_what_is_changed_once_it_was_hashed_is_not_published(
    cloud: CloudProvider, pending: ModelVersion, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, context = cloud.admin.provider, cloud.admin.context
    store = await writer(cloud, bucket)
    place = f"{ROOT}/{direct_root(pending.id)}/MLmodel"
    await obstore.put_async(store, place, MLMODEL.encode())
    read = ArtifactStore.fingerprint

    async def read_and_lose_the_race(artifacts: ArtifactStore, path: str, size: int) -> Fingerprint:
        found = await read(artifacts, path, size)
        await obstore.put_async(store, place, MLMODEL.replace("sklearn", "planted").encode())
        return found

    with monkeypatch.context() as patched:
        patched.setattr(ArtifactStore, "fingerprint", read_and_lose_the_race)
        await provider.finalization.finalize(context, MODEL, 2)
    opened = await provider.principal_files.open_path(context, MODEL, 2, "MLmodel")
    assert opened.sha256 == hashlib.sha256(MLMODEL.encode()).hexdigest()
    assert not (await provider.fsck.check(context)).problems


async def test_the_right_to_finalize_is_kept_while_files_are_read(
    cloud: CloudProvider, pending: ModelVersion, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = cloud.admin.provider
    store = await writer(cloud, bucket)
    await obstore.put_async(store, f"{ROOT}/{direct_root(pending.id)}/MLmodel", MLMODEL.encode())
    read = ArtifactStore.fingerprint

    async def read_long(artifacts: ArtifactStore, path: str, size: int) -> Fingerprint:
        later = now_ms() + 1
        async with asyncio.timeout(PATIENCE):
            while True:
                async with cloud.admin.context.read_unaudited() as rows:
                    if await rows.versions.is_finalizing(pending.id, later):
                        return await read(artifacts, path, size)

    monkeypatch.setattr(finalization, "_SECONDS_BETWEEN_RENEWALS", 0.05)
    monkeypatch.setattr(ArtifactStore, "fingerprint", read_long)
    ready = await provider.finalization.finalize(cloud.admin.context, MODEL, 2)
    assert ready.status is VersionStatus.READY
    # Renewals of the right are no events.
    latest = await provider.audit.latest(cloud.admin.context, 2)
    assert [event.action for event in latest] == [
        AuditAction.FINALIZE_MODEL_VERSION,
        AuditAction.START_MODEL_VERSION_FINALIZATION,
    ]


@pytest.mark.parametrize("name", ["../../x", "a//b", "data/\x01", "c:/x", "a#1", "a/.git/x", ".gitignore"])
async def test_names_that_are_no_paths_fail_that_version_and_nothing_else(
    cloud: CloudProvider, pending: ModelVersion, bucket: str, s3: str, name: str
) -> None:
    provider, context = cloud.admin.provider, cloud.admin.context
    keys = (await cloud.ask_registry("READ_WRITE_MODEL_VERSION", 2)).json["aws_temp_credentials"]

    def write() -> None:
        client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=s3,
            region_name="us-east-1",
            aws_access_key_id=keys["access_key_id"],
            aws_secret_access_key=keys["secret_access_key"],
            aws_session_token=keys["session_token"],
        )
        for path in ("MLmodel", name):
            client.put_object(
                Bucket=bucket.removeprefix("s3://"),
                Key=f"{ROOT}/{direct_root(pending.id)}/{path}",
                Body=MLMODEL.encode(),
            )
        client.close()

    await asyncio.to_thread(write)
    with pytest.raises(UnsafePath):
        await provider.finalization.finalize(context, MODEL, 2)
    assert (await provider.versions.get(context, MODEL, 2)).status is VersionStatus.FAILED_REGISTRATION
    assert not (await provider.fsck.check(context)).problems
    assert not (await provider.gc.collect(context)).orphans

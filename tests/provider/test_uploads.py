"""Versions made by uploading: pending until finalized, then READY; replays, races and refusals between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import InvalidModel, InvalidState, NotFound, UnsafePath
from model_sharing_protocol.mlflow_registry import PREFIX
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.uploads import NAME, begun, finalize, put, stored

pytestmark = [pytest.mark.each_database, pytest.mark.stores("s3", "azure")]

UNSIGNED = b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"


WITH_CODE = MLMODEL.replace("    model_path", "    code: code\n    model_path").encode()
WITH_ARTIFACT = MLMODEL.replace(
    "    model_path", "    artifacts:\n      a: {path: artifacts/scratch, uri: /tmp/x}\n    model_path"
).encode()


async def test_an_unfinished_version_is_seen_by_nobody_but_its_makers(admin: AdminClient) -> None:
    version = await begun(admin)
    assert (version.version, version.status) == (1, VersionStatus.PENDING_REGISTRATION)
    await put(admin, version, "MLmodel", MLMODEL.encode())
    await admin.share("acme", "globex", str(NAME))
    async with admin.provider.database.read() as rows:
        assert (await rows.versions.page(version.model_id, PageRequest(), ready_only=True)).items == []
    assert (await admin.provider.models.get(admin.context, NAME)).latest_version is None
    with pytest.raises(NotFound, match="READY"):
        await admin.provider.models.set_alias(admin.context, NAME, "Champion", 1)
    with pytest.raises(NotFound, match="no readable file"):
        await admin.provider.principal_files.open_path(admin.context, NAME, 1, "MLmodel")


async def test_a_version_keeps_what_its_maker_said_however_it_was_made(
    admin: AdminClient, tmp_path: Path
) -> None:
    said = NewVersion(source="s", run_id="r", comment="c", logged_model_id="m", tags={"stage": "test"})
    folder = write_model(tmp_path / "m")
    await admin.register(folder, str(NAME))
    await admin.provider.uploads.create(admin.context, NAME, said)
    register = admin.provider.registration.register
    await register(admin.context, folder, NAME, comment="c", origin=said)
    await admin.provider.copies.copy(admin.context, NAME, 3, NAME)
    for number, source in ((2, "s"), (3, "s"), (4, f"models:/{NAME}/3")):
        found = await admin.provider.versions.get(admin.context, NAME, number)
        assert (found.version, found.source, found.tags) == (number, source, {"stage": "test"})
        assert (found.run_id, found.comment, found.logged_model_id) == ("r", "c", "m")
        assert (found.signature is None) == (number == 2)


async def test_finalizing_publishes_what_was_uploaded(admin: AdminClient, artifacts: ArtifactStore) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", MLMODEL.encode())
    await put(admin, version, "model.pkl", b"first try")
    await put(admin, version, "model.pkl", b"weights")
    ready = await finalize(admin)
    assert (ready.status, ready.num_files) == (VersionStatus.READY, 2)
    assert ready.signature is not None
    assert await stored(artifacts, "models") == ["MLmodel", "model.pkl"]
    assert await stored(artifacts, "uploads") == []
    assert await finalize(admin) == await admin.provider.versions.get(admin.context, NAME, 1)


async def test_a_model_without_a_signature_fails_with_the_fix(
    admin: AdminClient, artifacts: ArtifactStore
) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", UNSIGNED)
    with pytest.raises(InvalidModel, match="infer_signature"):
        await finalize(admin)
    failed = await admin.provider.versions.get(admin.context, NAME, 1)
    assert failed.status is VersionStatus.FAILED_REGISTRATION
    assert "no signature" in failed.status_message
    assert await stored(artifacts, "models") + await stored(artifacts, "uploads") == []
    with pytest.raises(InvalidState, match="failed"):
        await finalize(admin)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no MLmodel"),
        ({"model.pkl": b"x"}, "no MLmodel"),
        ({"MLmodel": b"flavors: {"}, "not YAML"),
        (
            {"MLmodel": WITH_ARTIFACT, "artifacts/other": b""},
            "'artifacts/scratch', but no such file.*empty",
        ),
        ({"MLmodel": WITH_CODE, "codes/x.py": b""}, "'code', but no such file.*empty"),
        ({"MLmodel": MLMODEL.encode(), "a": b"1", "A": b"2"}, "same file"),
        ({"MLmodel": MLMODEL.encode(), "a/HEAD": b"", "a/objects": b"", "a/refs": b""}, "git repository"),
    ],
)
async def test_what_is_no_model_fails(admin: AdminClient, files: dict[str, bytes], words: str) -> None:
    version = await begun(admin)
    for path, content in files.items():
        await put(admin, version, path, content)
    with pytest.raises((InvalidModel, UnsafePath), match=words):
        await finalize(admin)
    assert (await admin.provider.versions.get(admin.context, NAME, 1)).status == "FAILED_REGISTRATION"


async def test_the_logged_models_id_is_the_one_that_the_mlmodel_names(admin: AdminClient) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", f"{MLMODEL}model_id: m-1f2e\n".encode())
    assert (await finalize(admin)).logged_model_id == "m-1f2e"
    found = await admin.provider.versions.get(admin.context, NAME, 1)
    copied = await admin.provider.copies.copy(admin.context, NAME, 1, NAME)
    assert {found.logged_model_id, copied.logged_model_id} == {"m-1f2e"}


async def test_nothing_can_be_changed_in_a_version_that_is_ready(
    admin: AdminClient, artifacts: ArtifactStore
) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", MLMODEL.encode())
    await finalize(admin)
    with pytest.raises(InvalidState, match="READY"):
        await put(admin, version, "MLmodel", UNSIGNED)
    assert await stored(artifacts, "uploads") == []
    assert await artifacts.get_bytes(f"{version.storage_path}/MLmodel") == MLMODEL.encode()


async def test_an_upload_that_arrives_during_finalization_is_refused_and_many_finalize_once(
    admin: AdminClient,
) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", MLMODEL.encode())
    for number in range(40):
        await put(admin, version, f"f{number}", b"%d" % number)

    async def late(number: int) -> bool:
        try:
            await put(admin, version, f"f{number}", b"late")
        except InvalidState:
            return False
        return True

    published, kept = await asyncio.gather(
        asyncio.gather(*(finalize(admin) for _ in range(5))), asyncio.gather(*(late(n) for n in range(20)))
    )
    assert len({version.digest for version in published}) == 1
    events = await admin.provider.audit.latest(admin.context, 1000)
    actions = [event.action for event in events]
    assert actions.count(AuditAction.FINALIZE_MODEL_VERSION) == 1
    # Each of the five begins once, and those who waited once more to find it done: waiting is no event.
    assert 5 <= actions.count(AuditAction.START_MODEL_VERSION_FINALIZATION) <= 9
    for number in range(40):
        file = await admin.provider.principal_files.open_path(admin.context, NAME, 1, f"f{number}")
        pieces = [bytes(piece) async for piece in admin.provider.signed_files.read(file, 0, file.size)]
        expected = b"late" if number < 20 and kept[number] else b"%d" % number
        assert b"".join(pieces) == expected


async def test_a_finalization_that_was_cut_short_is_taken_up_again(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await begun(admin)
    for path in ("MLmodel", "a", "b"):
        await put(admin, version, path, MLMODEL.encode())
    publication = admin.provider.finalization
    real = publication._manifests.write

    async def broken(*_: object) -> None:
        raise OSError("the power went out")

    monkeypatch.setattr(publication._manifests, "write", broken)
    with pytest.raises(OSError, match="power"):
        await finalize(admin)
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert event.action is AuditAction.STOP_MODEL_VERSION_FINALIZATION
    monkeypatch.setattr(publication._manifests, "write", real)
    assert (await finalize(admin)).num_files == 3


async def test_a_resent_create_makes_no_second_version(
    server: TestServer, admin: AdminClient, provider_home: Path
) -> None:
    await begun(admin)
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    url = server.make_url(f"{PREFIX}/model-versions")
    body = {"name": str(NAME), "source": "runs:/2/model", "run_id": "2"}

    async with aiohttp.ClientSession(headers=headers) as client:

        async def create() -> str:
            async with client.post(f"{url}/create", json=body) as answer:
                return str(json.loads(await answer.read())["model_version"]["version"])

        assert [await create() for _ in range(3)] == ["2", "2", "2"]
        # Whoever has seen the answer goes on to ask for credentials: from then on it is another request.
        async with client.post(
            f"{url}/generate-temporary-credentials",
            json={
                "name": str(NAME),
                "version": "2",
                "operation": "MODEL_VERSION_OPERATION_READ_WRITE",
            },
        ) as answer:
            assert answer.status == 200
        assert await create() == "3"
        body["run_id"] = "another"
        assert await create() == "4"


async def test_a_version_that_starts_as_a_copy_can_be_published_at_once(
    admin: AdminClient, tmp_path: Path, artifacts: ArtifactStore
) -> None:
    source = await admin.register(write_model(tmp_path / "m"), "staging.ml_team.scorer")
    await begun(admin)
    new = NewVersion(source=f"models:/{source.full_name}/1")
    version = await admin.provider.uploads.create(admin.context, NAME, new)
    ready = await finalize(admin, version.version)
    assert ready.digest == source.digest
    await admin.provider.versions.delete(admin.context, source.full_name, 1)
    assert await artifacts.get_bytes(f"{ready.storage_path}/model.pkl") == b"weights"


async def test_a_copy_keeps_description_tags_and_bytes_and_hashes_nothing(
    admin: AdminClient, tmp_path: Path, artifacts: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await admin.register(write_model(tmp_path / "m"), "staging.ml_team.scorer", "Champion")
    await admin.provider.versions.update(admin.context, source.full_name, 1, "the best")
    await begun(admin)
    monkeypatch.setattr("hashlib.sha256", None)
    copied = await admin.provider.copies.copy(admin.context, source.full_name, 1, NAME)
    monkeypatch.undo()
    assert (copied.version, copied.comment, copied.digest) == (2, "the best", source.digest)
    assert copied.aliases == ()
    assert await artifacts.get_bytes(f"{copied.storage_path}/model.pkl") == b"weights"


async def test_on_local_disk_a_copy_takes_no_room(tmp_path: Path) -> None:
    async with open_provider(Settings(tmp_path / "home")) as provider:
        admin = AdminClient.of(provider)
        source = await admin.register(write_model(tmp_path / "m"), str(NAME))
        copied = await provider.copies.copy(admin.context, NAME, 1, NAME)
        await provider.uploads.create(admin.context, NAME, NewVersion(source=f"models:/{NAME}/1"))
    root = tmp_path / "home" / "artifacts"
    mine, theirs = (root / each.storage_path / "model.pkl" for each in (copied, source))
    assert mine.samefile(theirs)
    assert mine.stat().st_nlink == 3


async def test_deleting_a_model_takes_unfinished_uploads_along(
    admin: AdminClient, artifacts: ArtifactStore
) -> None:
    version = await begun(admin)
    await put(admin, version, "MLmodel", MLMODEL.encode())
    await admin.provider.models.delete(admin.context, NAME)
    assert await stored(artifacts, "uploads") == []


@pytest.mark.parametrize("size", [10, 9 * 1024 * 1024])
async def test_an_upload_that_is_cut_leaves_nothing(
    admin: AdminClient, artifacts: ArtifactStore, size: int
) -> None:
    version = await begun(admin)

    async def cut() -> AsyncIterator[bytes]:
        for _ in range(0, size, 1024):
            yield bytes(1024)
        raise ConnectionError("the line went dead")

    with pytest.raises(ConnectionError):
        await admin.provider.uploads.write(admin.context, version, "model.pkl", cut())
    assert await stored(artifacts, "uploads") == []
    await put(admin, version, "MLmodel", MLMODEL.encode())
    assert (await finalize(admin)).num_files == 1

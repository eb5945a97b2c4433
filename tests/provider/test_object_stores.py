"""Faults of buckets: one may not be there, let nobody in, go away, or copy no large object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from obstore.exceptions import GenericError

from model_sharing_protocol.errors import ArtifactStoreUnavailable, NotFound
from model_sharing_protocol.names import FullName
from model_sharing_provider.artifacts.backends import bucket as bucket_backend
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.object_stores.servers import KINDS, bucket_url, running_store
from support.provider_cli import CliRunner

NAME = "prod.ml_team.scorer"
over_each_kind = pytest.mark.parametrize("bucket", KINDS, indirect=True)
ENDPOINTS = ("AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT")


@over_each_kind
async def test_a_bucket_that_is_not_there_is_named(bucket: str, tmp_path: Path) -> None:
    async with open_provider(Settings(tmp_path / "home", artifact_root=f"{bucket}x")) as provider:
        admin = AdminClient.of(provider)
        assert set(await provider.readiness.failing()) == {"artifacts"}
        with pytest.raises(NotFound, match=r"bucket .* is not there"):
            await admin.register(write_model(tmp_path / "m"), NAME)
        with pytest.raises(NotFound, match="does not exist"):
            await provider.models.get(admin.context, FullName.parse(NAME))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_that_goes_away_during_an_upload_leaves_nothing_half_visible(
    kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_sharing_provider.artifacts.backends.opening._RETRIES", {"max_retries": 0})
    with ExitStack() as running:
        address = running.enter_context(running_store(kind, tmp_path_factory.mktemp(kind)))
        root = f"{bucket_url(kind, address, monkeypatch)}/models"
        async with open_provider(Settings(tmp_path / "home", artifact_root=root)) as provider:
            admin = AdminClient.of(provider)
            ready = await admin.register(write_model(tmp_path / "m"), NAME)
            pending = await provider.uploads.create(admin.context, ready.full_name, NewVersion())

            async def chunks() -> AsyncIterator[bytes]:
                for number in range(48):
                    if number == 40:
                        await asyncio.to_thread(running.close)
                    yield bytes(1024 * 1024)

            with pytest.raises(ArtifactStoreUnavailable):
                await provider.uploads.write(admin.context, pending, "weights.bin", chunks())
            with pytest.raises(ArtifactStoreUnavailable):
                await admin.register(tmp_path / "m", NAME)
            async with provider.database.read() as rows:
                assert await rows.uploads.files(pending.id) == []
                assert [each.version for each in await rows.versions.all_of_model(ready.model_id)] == [1, 2]
            assert set(await provider.readiness.failing()) == {"artifacts"}


@over_each_kind
async def test_what_a_store_says_reaches_the_log_and_not_the_user(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint in ENDPOINTS:
        monkeypatch.setenv(endpoint, "http://127.0.0.1:1/acme")
    monkeypatch.setattr("model_sharing_provider.artifacts.backends.opening._RETRIES", {"max_retries": 0})
    store = ArtifactStore(f"{bucket}/secret-prefix")
    for attempt in (
        store.put_bytes("models/a", b"x"),
        store.get_bytes("models/a"),
        store.size("models/a"),
        store.link("models/a", "models/b"),
        store.move("models/a", "models/b"),
        store.delete("models/a"),
        store.delete_below("models"),
        store.check_reachable(),
        store.put_stream("models/a", _chunks()),
    ):
        with pytest.raises(ArtifactStoreUnavailable) as raised:
            await attempt
        assert "secret-prefix" not in raised.value.message
        assert bucket.partition("://")[2] not in raised.value.message


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield bytes(1024 * 1024)


async def test_an_object_that_the_store_does_not_copy_goes_through_the_server(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(bucket)
    await store.put_bytes("large", b"x" * 1000)

    async def refuses(*_: object) -> None:
        raise GenericError("The specified copy source is larger than the maximum allowable size")

    monkeypatch.setattr("obstore.copy_async", refuses)
    with pytest.raises(ArtifactStoreUnavailable):
        await store.move("large", "moved")
    monkeypatch.setattr(bucket_backend, "_COPIED_BY_THE_STORE", 999)
    await store.move("large", "moved")
    assert await store.get_bytes("moved") == b"x" * 1000
    with pytest.raises(NotFound):
        await store.size("large")
    await store.move("large", "moved")


async def test_the_command_line_over_a_bucket(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_ARTIFACT_ROOT", f"{bucket}/model-sharing")
    command = CliRunner(tmp_path / "home", monkeypatch, capsys)

    def work() -> None:
        first = command.succeed("catalog", "create", "prod")
        assert f"{bucket}/model-sharing" in first.err
        command.succeed("schema", "create", "prod.ml_team")
        command.succeed("model", "register", str(write_model(tmp_path / "m")), NAME)
        checked = command.succeed("fsck", "--output", "json")
        assert (checked.json["num_versions"], checked.json["problems"]) == (1, [])
        assert not (tmp_path / "home" / "artifacts").exists()
        monkeypatch.setattr("model_sharing_provider.artifacts.backends.opening._RETRIES", {"max_retries": 0})
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        away = command("model", "register", str(tmp_path / "m"), NAME, "--output", "json")
        assert (away.code, away.out) == (26, "")
        assert "cannot be used" in away.err.splitlines()[-1]
        monkeypatch.setenv("MODEL_SHARING_PROVIDER_ARTIFACT_ROOT", "ftp://bucket")
        wrong = command("fsck")
        assert wrong.code == 2
        assert "MODEL_SHARING_PROVIDER_ARTIFACT_ROOT" in wrong.err

    await asyncio.to_thread(work)

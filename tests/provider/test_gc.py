"""`gc` gives back what nobody needs, and never what somebody does: not even what is being registered now."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidParameter, InvalidState
from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.administration import gc
from model_sharing_provider.services.administration.gc import Collected
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.admin_process import start
from support.provider_cli import CliRunner

NAME = FullName.parse("prod.ml_team.scorer")
DAY = timedelta(days=1)
LOST = "6f5902ac-237e-4a5d-9f0e-2a8b3b9f1f11"


@pytest.fixture
def artifacts(provider_home: Path) -> Path:
    return provider_home / "artifacts"


def pass_time(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    """Nobody can make a file older; so what is deleted is looked at from a later day."""
    monkeypatch.setattr(gc, "now_ms", lambda: now_ms() + time // timedelta(milliseconds=1))


def objects(artifacts: Path) -> set[str]:
    return {path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file()}


async def collect(admin: AdminClient, **how: timedelta | bool | None) -> Collected:
    return await admin.provider.gc.collect(admin.context, **how)  # type: ignore[arg-type]


async def lose_bytes(artifacts: Path) -> None:
    """Bytes without a row, as a killed process leaves them."""
    root = artifacts / "models" / LOST / "versions" / LOST
    elsewhere = [artifacts / folder / LOST / "file" for folder in ("uploads", "deltas")]
    for path in (root / "data" / "MLmodel", root / "weights.bin#1", *elsewhere):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    for name in (f"manifests/{LOST}.json", f"manifests/{LOST}.json#1", f"chunk-maps/{LOST}"):
        (artifacts / name).parent.mkdir(exist_ok=True)
        (artifacts / name).write_bytes(b"{}")


async def test_bytes_without_a_row_go_after_their_grace_and_nothing_else(
    admin: AdminClient, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME), "Champion")
    await admin.provider.copies.copy(admin.context, NAME, 1, NAME)
    await admin.provider.uploads.create(admin.context, NAME, NewVersion(source=f"models:/{NAME}/1"))
    needed = objects(artifacts)
    await lose_bytes(artifacts)
    assert (await collect(admin)).orphans == []
    pass_time(monkeypatch, DAY)
    found = (await collect(admin, dry_run=True)).orphans
    (event,) = await admin.provider.audit.latest(admin.context, 1)
    assert event.action is AuditAction.LIST_GARBAGE
    assert [(each.version_id, each.num_objects, each.size) for each in found] == [
        (LOST, 6, 24),
        (f"{LOST}.json#1", 1, 2),
    ]
    assert len(objects(artifacts)) == len(needed) + 7
    assert len((await collect(admin)).orphans) == 2
    assert objects(artifacts) == needed
    assert not (artifacts / "models" / LOST).exists()
    assert (await admin.provider.fsck.check(admin.context)).problems == []


async def test_uploads_of_a_version_that_is_ready_go(
    admin: AdminClient, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await admin.register(write_model(tmp_path / "m"), str(NAME))
    needed = objects(artifacts)
    staged = artifacts / "uploads" / version.id / LOST
    staged.parent.mkdir(parents=True)
    staged.write_bytes(b"a part that a crash left")
    pass_time(monkeypatch, DAY)
    assert len((await collect(admin)).orphans) == 1
    assert objects(artifacts) == needed


async def test_a_link_to_old_bytes_is_young_itself(
    admin: AdminClient, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy links what was written long ago; until its row is there, only that it is new protects it."""
    version = await admin.register(write_model(tmp_path / "m"), str(NAME))
    stored = artifacts / version.storage_path / "model.pkl"
    os.utime(stored, (1, 1))
    linked = artifacts / "models" / LOST / "versions" / LOST / "model.pkl"
    linked.parent.mkdir(parents=True)
    linked.hardlink_to(stored)
    assert (await collect(admin)).orphans == []
    pass_time(monkeypatch, DAY)
    assert len((await collect(admin)).orphans) == 1
    assert stored.exists()


async def test_versions_that_wait_in_vain_are_given_up_when_that_is_asked_for(
    admin: AdminClient, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    needed = objects(artifacts)
    waiting = await admin.provider.uploads.create(admin.context, NAME, NewVersion())

    async def chunks() -> AsyncIterator[bytes]:
        yield b"weights"

    await admin.provider.uploads.write(admin.context, waiting, "weights.bin", chunks())
    pass_time(monkeypatch, 10 * DAY)
    assert (await collect(admin)).abandoned == ()
    assert (await collect(admin, abandoned_after=11 * DAY)).abandoned == []
    assert len((await collect(admin, abandoned_after=9 * DAY, dry_run=True)).abandoned) == 1
    [given_up] = (await collect(admin, abandoned_after=9 * DAY)).abandoned
    assert given_up.version == 2
    found = await admin.provider.versions.get(admin.context, NAME, 2)
    assert found.status is VersionStatus.FAILED_REGISTRATION
    assert "9 days" in found.status_message
    assert objects(artifacts) == needed
    with pytest.raises(InvalidState, match="failed"):
        await admin.provider.finalization.finalize(admin.context, NAME, 2)


async def test_what_a_version_that_failed_left_goes_and_its_row_stays(
    admin: AdminClient, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server was killed as it published: files, manifest and chunk maps were in place already."""
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    needed = objects(artifacts)
    await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    failing = await admin.provider.versions.get(admin.context, NAME, 2)
    for path in (
        f"{failing.storage_path}/data/MLmodel",
        f"manifests/{failing.id}.json",
        f"chunk-maps/{failing.id}",
        f"deltas/{failing.id}/a-b",
    ):
        (artifacts / path).parent.mkdir(parents=True, exist_ok=True)
        (artifacts / path).write_bytes(b"12345")
    pass_time(monkeypatch, 2 * DAY)
    assert (await collect(admin)).orphans == []  # it may be on its way yet
    collected = await collect(admin, abandoned_after=DAY)
    assert [(each.version_id, each.failed, each.size) for each in collected.orphans] == [
        (failing.id, True, 20)
    ]
    assert objects(artifacts) == needed
    found = await admin.provider.versions.get(admin.context, NAME, 2)
    assert found.status is VersionStatus.FAILED_REGISTRATION
    assert (await admin.provider.fsck.check(admin.context)).orphans.versions == []


async def test_fsck_names_what_a_version_that_failed_left(
    admin: AdminClient, artifacts: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    failing = await admin.provider.versions.get(admin.context, NAME, 2)
    async with admin.provider.database.write() as rows:
        await rows.versions.fail(failing.id, "no model", 1, "admin")
    (artifacts / "manifests" / f"{failing.id}.json").write_bytes(b"{}")
    found = await admin.provider.fsck.check(admin.context)
    assert [(each.version_id, each.failed) for each in found.orphans.versions] == [(failing.id, True)]
    assert found.problems == []


async def test_old_lineage_is_forgotten_when_that_is_asked_for(
    admin: AdminClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    await admin.provider.lineage.emit(admin.context, NAME, 1, "DOWNSTREAM", {"job": "nightly"})
    pass_time(monkeypatch, 10 * DAY)
    assert (await collect(admin, lineage_older_than=11 * DAY)).num_lineage == 0
    assert (await collect(admin, lineage_older_than=9 * DAY, dry_run=True)).num_lineage == 1
    assert len(await admin.provider.lineage.of_version(admin.context, NAME, 1)) == 1
    assert (await collect(admin, lineage_older_than=9 * DAY)).num_lineage == 1
    assert await admin.provider.lineage.of_version(admin.context, NAME, 1) == []


async def test_less_than_an_hour_of_grace_is_refused(admin: AdminClient) -> None:
    with pytest.raises(InvalidParameter, match="must be at least 1h"):
        await collect(admin, older_than=timedelta(minutes=59))


async def test_registrations_in_another_process_lose_nothing(
    admin: AdminClient, settings: Settings, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "first"), str(NAME))
    folder = write_model(tmp_path / "m", {f"{n}.bin": bytes([n]) * 300_000 for n in range(40)})
    script = """
        async def work(admin):
            for _ in range(3):
                await admin.register(FOLDER, str(NAME))
                await admin.provider.copies.copy(admin.context, NAME, 2, NAME)
            print("registered")
    """
    process = await start(script, settings, folder)
    rounds = 0
    while process.returncode is None:
        assert (await collect(admin, older_than=timedelta(hours=1))).orphans == []
        rounds += 1
        await asyncio.sleep(0.01)
    said, _ = await process.communicate()
    assert said == b"registered\n", said.decode()
    found = await admin.provider.fsck.check(admin.context)
    assert (found.num_versions, found.problems) == (7, [])
    assert rounds > 1


async def test_on_the_command_line(
    admin: AdminClient, provider_home: Path, monkeypatch: pytest.MonkeyPatch, provider_cli: CliRunner
) -> None:
    await lose_bytes(provider_home / "artifacts")
    early = await asyncio.to_thread(provider_cli.succeed, "gc")
    assert "Deleted 0 B in 0 objects" in early.err
    pass_time(monkeypatch, 2 * DAY)
    said = await asyncio.to_thread(provider_cli.succeed, "gc", "--older-than", "48h", "--dry-run")
    assert "Would delete 26 B in 7 objects" in said.err
    done = await asyncio.to_thread(provider_cli.succeed, "gc", "--older-than", "48h", "--output", "json")
    assert [(each["reason"], each["version_id"]) for each in done.json["garbage"]] == [
        ("UNREFERENCED", LOST),
        ("UNREFERENCED", f"{LOST}.json#1"),
    ]
    refused = await asyncio.to_thread(provider_cli, "gc", "--older-than", "5m")
    assert (refused.code, refused.out) == (2, "")

"""`fsck` finds whatever is not as it was registered, and whatever has no row."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.administration.fsck import Damage
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.provider_cli import CliRunner

NAME = FullName.parse("prod.ml.scorer")
FILES = {"model.pkl": b"weights" * 40, "data/config.json": b"{}", "empty": b""}


@pytest.fixture
def artifacts(provider_home: Path) -> Path:
    return provider_home / "artifacts"


@pytest.fixture
async def version(admin: AdminClient, tmp_path: Path) -> ModelVersion:
    return await admin.register(write_model(tmp_path / "m", FILES), str(NAME))


async def damages(admin: AdminClient, *, quick: bool = False) -> list[tuple[str, Damage]]:
    found = await admin.provider.fsck.check(admin.context, quick=quick)
    return [(problem.path, problem.damage) for problem in found.problems]


async def test_what_is_whole_has_no_problems(admin: AdminClient, version: ModelVersion) -> None:
    await admin.provider.copies.copy(admin.context, NAME, 1, FullName.parse("prod.ml.copied"))
    found = await admin.provider.fsck.check(admin.context)
    assert (found.num_versions, found.num_files, found.size) == (2, 8, 2 * version.size)
    assert found.problems == []
    assert (list(found.orphans.versions), list(found.orphans.foreign_paths)) == ([], [])


async def test_each_flipped_byte_is_found(admin: AdminClient, version: ModelVersion, artifacts: Path) -> None:
    manifest = artifacts / "manifests" / f"{version.id}.json"
    folder = artifacts / version.storage_path
    dice = random.Random(7)
    for path in [manifest, *(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)]:
        whole = path.read_bytes()
        for place in dice.sample(range(len(whole)), min(len(whole), 25)):
            flipped = whole[place] ^ (1 << dice.randrange(8))
            path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
            name = "" if path == manifest else path.relative_to(folder).as_posix()
            assert await damages(admin) == [(name, Damage.CORRUPT)], (path.name, place, flipped)
        path.write_bytes(whole)
    assert await damages(admin) == []


async def test_what_is_missing_short_or_too_much_is_named(
    admin: AdminClient, version: ModelVersion, artifacts: Path
) -> None:
    folder = artifacts / version.storage_path
    (folder / "empty").unlink()
    (folder / "data/config.json").write_bytes(b"{")
    (folder / "planted").write_bytes(b"not ours")
    expected = {
        ("empty", Damage.MISSING),
        ("data/config.json", Damage.CORRUPT),
        ("planted", Damage.UNEXPECTED),
    }
    assert set(await damages(admin)) == expected
    assert set(await damages(admin, quick=True)) == expected
    (artifacts / "manifests" / f"{version.id}.json").unlink()
    assert await damages(admin) == [("", Damage.MISSING)]


async def test_a_quick_look_reads_no_file(admin: AdminClient, version: ModelVersion, artifacts: Path) -> None:
    (artifacts / version.storage_path / "data/config.json").write_bytes(b"[]")
    assert await damages(admin, quick=True) == []
    assert await damages(admin) == [("data/config.json", Damage.CORRUPT)]


async def test_files_in_place_are_looked_at_where_they_are(tmp_path: Path) -> None:
    lake = write_model(tmp_path / "lake", FILES)
    allowed = Settings(tmp_path / "home", external_locations=(lake.as_uri(),))
    async with open_provider(allowed) as provider:
        admin = AdminClient.of(provider)
        await provider.catalogs.create(admin.context, "prod")
        await provider.catalogs.create_schema(admin.context, NAME.schema_name)
        await provider.registration.register_in_place(admin.context, lake.as_uri(), NAME)
        (lake / "another file").touch()
        assert await damages(admin) == []
        (lake / "model.pkl").write_bytes(b"WEIGHTS" * 40)
        assert await damages(admin) == [("model.pkl", Damage.CORRUPT)]
    async with open_provider(Settings(tmp_path / "home")) as provider:
        unreadable = await damages(AdminClient.of(provider))
        assert {damage for _, damage in unreadable} == {Damage.UNREADABLE}


async def test_bytes_without_a_row_are_told_apart_from_uploads_that_wait(
    admin: AdminClient, version: ModelVersion, artifacts: Path
) -> None:
    """The unfinished file is one that a killed process leaves behind, as the store's client names it."""
    await admin.provider.uploads.create(admin.context, NAME, NewVersion(source=f"models:/{NAME}/1"))
    lost = artifacts / "models" / version.model_id / "versions" / "6f5902ac-237e-4a5d-9f0e-2a8b3b9f1f11"
    lost.mkdir()
    (lost / "MLmodel").write_bytes(b"12345")
    (lost / "weights.bin#1").write_bytes(b"1234567")
    (artifacts / "models" / "notes.txt").write_bytes(b"somebody's")
    found = await admin.provider.fsck.check(admin.context)
    assert found.problems == []
    [orphan] = found.orphans.versions
    assert (orphan.version_id, orphan.num_objects, orphan.size) == (lost.name, 2, 12)
    assert found.orphans.foreign_paths == ["models/notes.txt"]


async def test_on_the_command_line(
    admin: AdminClient, version: ModelVersion, provider_home: Path, provider_cli: CliRunner
) -> None:
    whole = await asyncio.to_thread(provider_cli.succeed, "fsck")
    assert "Checked 1 versions, 4 files" in whole.err
    assert "no problems" in whole.err
    stored = provider_home / "artifacts" / version.storage_path / "model.pkl"
    stored.write_bytes(b"weighty" * 40)
    found = await asyncio.to_thread(provider_cli, "fsck", "--output", "json")
    assert found.code == 10
    [problem] = found.json["problems"]
    assert (problem["full_name"], problem["version"], problem["damage"], problem["path"]) == (
        str(NAME),
        1,
        "CORRUPT",
        "model.pkl",
    )

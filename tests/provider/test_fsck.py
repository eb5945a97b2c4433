"""`fsck` finds whatever is not as it was registered, and whatever has no row."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from command_line import CommandLine
from support import Desk, write_model

from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.uploads import NewVersion
from model_sharing_provider.services.administration.fsck import Damage

NAME = FullName.parse("prod.ml.scorer")
FILES = {"model.pkl": b"weights" * 40, "data/config.json": b"{}", "empty": b""}


@pytest.fixture
def artifacts(provider_home: Path) -> Path:
    return provider_home / "artifacts"


@pytest.fixture
async def version(desk: Desk, tmp_path: Path) -> ModelVersion:
    return await desk.register(write_model(tmp_path / "m", FILES), str(NAME))


async def damages(desk: Desk, *, quick: bool = False) -> list[tuple[str, Damage]]:
    found = await desk.provider.fsck.check(desk.context, quick=quick)
    return [(problem.path, problem.damage) for problem in found.problems]


async def test_what_is_whole_has_no_problems(desk: Desk, version: ModelVersion) -> None:
    await desk.provider.copies.copy(desk.context, NAME, 1, FullName.parse("prod.ml.copied"))
    found = await desk.provider.fsck.check(desk.context)
    assert (found.num_versions, found.num_files, found.size) == (2, 8, 2 * version.size)
    assert found.problems == []
    assert (list(found.leftovers.versions), list(found.leftovers.strangers)) == ([], [])


async def test_each_flipped_byte_is_found(desk: Desk, version: ModelVersion, artifacts: Path) -> None:
    manifest = artifacts / "manifests" / f"{version.id}.json"
    folder = artifacts / version.storage_path
    dice = random.Random(7)
    for path in [manifest, *(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)]:
        whole = path.read_bytes()
        for place in dice.sample(range(len(whole)), min(len(whole), 25)):
            flipped = whole[place] ^ (1 << dice.randrange(8))
            path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
            name = "" if path == manifest else path.relative_to(folder).as_posix()
            assert await damages(desk) == [(name, Damage.CORRUPT)], (path.name, place, flipped)
        path.write_bytes(whole)
    assert await damages(desk) == []


async def test_what_is_missing_short_or_too_much_is_named(
    desk: Desk, version: ModelVersion, artifacts: Path
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
    assert set(await damages(desk)) == expected
    assert set(await damages(desk, quick=True)) == expected
    (artifacts / "manifests" / f"{version.id}.json").unlink()
    assert await damages(desk) == [("", Damage.MISSING)]


async def test_a_quick_look_reads_no_file(desk: Desk, version: ModelVersion, artifacts: Path) -> None:
    (artifacts / version.storage_path / "data/config.json").write_bytes(b"[]")
    assert await damages(desk, quick=True) == []
    assert await damages(desk) == [("data/config.json", Damage.CORRUPT)]


async def test_files_in_place_are_looked_at_where_they_are(tmp_path: Path) -> None:
    lake = write_model(tmp_path / "lake", FILES)
    allowed = Settings(tmp_path / "home", external_locations=(lake.as_uri(),))
    async with open_provider(allowed) as provider:
        desk = Desk.of(provider)
        await provider.catalogs.create(desk.context, "prod")
        await provider.catalogs.create_schema(desk.context, NAME.schema_name)
        await provider.registration.register_in_place(desk.context, lake.as_uri(), NAME)
        (lake / "another file").touch()
        assert await damages(desk) == []
        (lake / "model.pkl").write_bytes(b"WEIGHTS" * 40)
        assert await damages(desk) == [("model.pkl", Damage.CORRUPT)]
    async with open_provider(Settings(tmp_path / "home")) as provider:
        unreadable = await damages(Desk.of(provider))
        assert {damage for _, damage in unreadable} == {Damage.UNREADABLE}


async def test_bytes_without_a_row_are_told_apart_from_uploads_that_wait(
    desk: Desk, version: ModelVersion, artifacts: Path
) -> None:
    """The unfinished file is one that a killed process leaves behind, as the store's client names it."""
    await desk.provider.uploads.create(desk.context, NAME, NewVersion(source=f"models:/{NAME}/1"))
    lost = artifacts / "models" / version.model_id / "versions" / "6f5902ac-237e-4a5d-9f0e-2a8b3b9f1f11"
    lost.mkdir()
    (lost / "MLmodel").write_bytes(b"12345")
    (lost / "weights.bin#1").write_bytes(b"1234567")
    (artifacts / "models" / "notes.txt").write_bytes(b"somebody's")
    found = await desk.provider.fsck.check(desk.context)
    assert found.problems == []
    [leftover] = found.leftovers.versions
    assert (leftover.version_id, leftover.num_objects, leftover.size) == (lost.name, 2, 12)
    assert found.leftovers.strangers == ["models/notes.txt"]


async def test_on_the_command_line(
    desk: Desk,
    version: ModelVersion,
    provider_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = CommandLine(provider_home, monkeypatch, capsys)
    whole = await asyncio.to_thread(command.succeed, "fsck")
    assert "Checked 1 versions, 4 files" in whole.err
    assert "no problems" in whole.err
    stored = provider_home / "artifacts" / version.storage_path / "model.pkl"
    stored.write_bytes(b"weighty" * 40)
    found = await asyncio.to_thread(command, "fsck", "--output", "json")
    assert found.code == 10
    [problem] = found.json["problems"]
    assert (problem["model"], problem["version"], problem["damage"], problem["path"]) == (
        str(NAME),
        1,
        "CORRUPT",
        "model.pkl",
    )

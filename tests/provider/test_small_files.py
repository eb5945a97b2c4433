"""Small files in memory: kept only as they were registered, bounded, and each under its own path."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from model_sharing_protocol.errors import CorruptArtifact, NotFound
from model_sharing_provider.artifacts import small_files
from model_sharing_provider.artifacts.external_locations import ExternalLocations
from model_sharing_provider.artifacts.small_files import SMALL_FILE_BYTES, SmallFiles
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.locations import parse_location

CONTENT = b'{"hidden_size": 768}'
DIGEST = sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts"
    (folder / "versions").mkdir(parents=True)
    (folder / "versions" / "config.json").write_bytes(CONTENT)
    return folder


@pytest.fixture
def small(folder: Path) -> SmallFiles:
    return SmallFiles(ArtifactStore(folder.as_uri()))


async def test_a_file_that_was_read_is_not_read_again(small: SmallFiles, folder: Path) -> None:
    assert await small.read("versions/config.json", DIGEST, len(CONTENT)) == CONTENT
    (folder / "versions" / "config.json").write_bytes(b"x" * len(CONTENT))
    assert await small.read("versions/config.json", DIGEST, len(CONTENT)) == CONTENT


async def test_damaged_bytes_are_not_kept(small: SmallFiles, folder: Path) -> None:
    path, damaged = folder / "versions" / "config.json", b"x" * len(CONTENT)
    path.write_bytes(damaged)
    assert await small.read("versions/config.json", DIGEST, len(CONTENT)) == damaged
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(CorruptArtifact, match=r"config\.json"):
        await small.read("versions/config.json", DIGEST, len(CONTENT))
    path.write_bytes(CONTENT)
    assert await small.read("versions/config.json", DIGEST, len(CONTENT)) == CONTENT


async def test_a_digest_alone_is_no_key_to_the_file_of_another_version(small: SmallFiles) -> None:
    """The list of files of a mirrored version is its provider's, who may write any digest there."""
    await small.read("versions/config.json", DIGEST, len(CONTENT))
    with pytest.raises(NotFound):
        await small.read("versions of others/config.json", DIGEST, len(CONTENT))


async def test_files_that_others_may_take_away_are_read_each_time(tmp_path: Path, folder: Path) -> None:
    location = parse_location(folder.as_uri())
    small = SmallFiles(ArtifactStore((tmp_path / "own").as_uri(), ExternalLocations([location])))
    path = f"{location}/versions/config.json"
    assert await small.read(path, DIGEST, len(CONTENT)) == CONTENT
    (folder / "versions" / "config.json").unlink()
    with pytest.raises(NotFound):
        await small.read(path, DIGEST, len(CONTENT))


async def test_memory_is_bounded_whatever_is_asked_for(
    small: SmallFiles, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_files, "_KEPT_BYTES", 4 * SMALL_FILE_BYTES)
    bounded = SmallFiles(small._store)
    for number in range(12):
        content = os.urandom(SMALL_FILE_BYTES)
        (folder / "versions" / str(number)).write_bytes(content)
        digest = sha256(content).hexdigest()
        assert await bounded.read(f"versions/{number}", digest, len(content)) == content
        assert sum(map(len, bounded._kept.values())) <= 4 * SMALL_FILE_BYTES
    assert len(bounded._kept) == 3

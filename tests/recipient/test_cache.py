"""Cache contents are right, or damage is noticed; and it works when the provider is away."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import model_sharing
from model_sharing import StaleAliasWarning
from model_sharing.cache.store import Cache
from model_sharing_protocol.errors import (
    CorruptArtifact,
    NotFound,
    ServerUnreachable,
    SharingError,
    UnsafePath,
)
from model_sharing_protocol.manifest import Manifest, ManifestFile
from support.fake_provider.models import manifest_of
from support.fake_provider.server import FakeProvider, Handler
from support.files import random_bytes, read_tree

REF = "ml_team.iris_model/1"
FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(70_000)}


@pytest.fixture
def cached(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> Path:
    """Version 1 is in the cache, by number and by alias."""
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    folder = vendor.snapshot("ml_team.iris_model@Champion").folder
    fake_provider.requests.clear()
    return folder


def test_a_snapshot_is_read_only_and_its_own_files_only(cached: Path) -> None:
    assert read_tree(cached) == FILES
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in cached.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(random_bytes(70_000, 9)),
        lambda path: path.write_bytes(b"short"),
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/etc/hostname")),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["other bytes", "other size", "missing", "a link elsewhere", "a folder"],
)
def test_a_damaged_file_is_noticed_and_fetched_again(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path, damage: object
) -> None:
    path = cached / "data" / "weights.bin"
    path.chmod(0o644)
    damage(path)  # type: ignore[operator]
    assert read_tree(vendor.snapshot(REF).folder) == FILES
    assert len(fake_provider.file_requests()) <= 1


def test_a_planted_file_is_removed(vendor: model_sharing.Catalog, cached: Path) -> None:
    (cached / "planted.py").write_text("boom")
    assert read_tree(vendor.snapshot(REF).folder) == FILES


def test_a_touched_file_is_hashed_again_and_kept(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    os.utime(cached / "data" / "weights.bin")
    assert read_tree(vendor.snapshot(REF).folder) == FILES
    assert not fake_provider.file_requests()


def test_damage_that_leaves_no_trace_is_found_by_verify(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    path = cached / "data" / "weights.bin"
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(random_bytes(70_000, 9))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_tree(vendor.snapshot(REF, verify=True).folder) == FILES
    assert len(fake_provider.file_requests()) == 1


def test_byte_code_that_python_leaves_is_no_damage(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    (cached / "data" / "__pycache__").mkdir()
    (cached / "data" / "__pycache__" / "x.pyc").write_bytes(b"")
    assert vendor.snapshot(REF).folder == cached
    assert not fake_provider.file_requests()


def test_a_provider_that_is_away_is_done_without_by_number(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    fake_provider.stop()
    assert vendor.snapshot(REF).folder == cached


def test_a_provider_that_is_away_is_done_without_by_alias_with_a_warning(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    fake_provider.stop()
    with pytest.warns(StaleAliasWarning, match=r"CHAMPION is taken as version 1, as of .*Z \("):
        assert vendor.snapshot("ml_team.iris_model@CHAMPION").folder == cached


def test_what_was_never_fetched_needs_the_provider(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 2, FILES)
    vendor.resolve("ml_team.iris_model/2")
    fake_provider.stop()
    for ref in ("ml_team.iris_model/2", "ml_team.iris_model@other", "ml_team.other/1"):
        with pytest.raises(ServerUnreachable):
            vendor.snapshot(ref)


def test_a_no_is_not_papered_over_by_the_cache_and_is_remembered(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    def deny(handler: Handler) -> bool:
        handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "It does not exist.")
        return True

    fake_provider.answer = deny
    with pytest.raises(NotFound):
        vendor.snapshot(REF)
    fake_provider.stop()
    with pytest.raises(ServerUnreachable):
        vendor.snapshot(REF)


@pytest.mark.parametrize(
    "path",
    [
        "../out",
        "/etc/out",
        "a/../../out",
        "C:/out",
        "C:out",
        "a\\..\\out",
        "a\0b",
        "con",
        "a/",
        "a//b",
        ".",
        "\u202e/..",
        ".git/config",
        "data/.GIT",
        ".g\u200cit/hooks/post-checkout",
        "GIT~1/config",
        ".gitattributes",
    ],
)
def test_hostile_paths_write_nothing_anywhere(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path, path: str
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"x", path: b"y"})
    vendor.resolve(REF)
    before = read_tree(tmp_path)
    with pytest.raises(SharingError):
        vendor.download(REF, tmp_path / "out")
    assert read_tree(tmp_path) == before
    assert not fake_provider.file_requests()


def test_a_folder_that_git_takes_for_a_repository_is_not_written(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    for version, folder in enumerate(("", "data/a/"), 1):
        repository = {"HEAD": b"ref: refs/heads/main", "objects/x": b"", "refs/x": b""}
        fake_provider.publish(
            "ml_team.iris_model", version, {folder + path: data for path, data in repository.items()}
        )
        with pytest.raises(UnsafePath, match=r"version \d was refused: .*git repository.*Tell the provider"):
            vendor.download(f"ml_team.iris_model/{version}", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("twins", [("A", "a"), ("caf\u00e9", "cafe\u0301"), ("a", "a/b")])
def test_paths_that_collide_are_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, twins: tuple[str, str]
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {twins[0]: b"x", twins[1]: b"y"})
    with pytest.raises(SharingError):
        vendor.snapshot(REF)


@given(garbage=st.binary(max_size=200))
def test_a_garbled_manifest_in_the_cache_is_no_snapshot(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    root = tmp_path_factory.mktemp("cache")
    cache = Cache(root)
    digest = manifest_of(FILES).digest
    (root / "manifests" / f"{digest.removeprefix('sha256:')}.json").write_bytes(garbage)
    with cache.held_manifest(digest) as manifest:
        assert manifest is None


def test_the_content_of_another_file_is_no_blob(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    one, other = manifest_of({"a": b"1"}).files[0], manifest_of({"a": b"2"}).files[0]
    (tmp_path / "one").write_bytes(b"1")
    cache.publish_blob(tmp_path / "one", one.sha256)
    os.link(cache.blob_path(one.sha256), cache.blob_path(other.sha256))
    assert cache.has_blob(one)
    assert not cache.has_blob(other)


def test_a_file_system_without_hard_links_is_served_by_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*arguments: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    cache = Cache(tmp_path)
    manifest = manifest_of(FILES)
    for path, data in FILES.items():
        (tmp_path / "new").write_bytes(data)
        cache.publish_blob(tmp_path / "new", next(f.sha256 for f in manifest.files if f.path == path))
    cache.publish_snapshot(manifest)
    found = cache.snapshot(manifest)
    assert found is not None
    assert read_tree(found) == FILES


def test_a_manifest_under_another_digest_is_no_snapshot(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    forged = Manifest((ManifestFile("a", 0, "0" * 64),))
    digest = manifest_of(FILES).digest
    (tmp_path / "manifests" / f"{digest.removeprefix('sha256:')}.json").write_bytes(forged.to_json())
    with cache.held_manifest(digest) as manifest:
        assert manifest is None


def test_swapped_versions_are_noticed(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cached: Path
) -> None:
    """Another version's bytes served under this number."""
    fake_provider.publish("ml_team.iris_model", 2, {"MLmodel": b"other"})

    def swap(handler: Handler) -> bool:
        handler.path = handler.path.replace("/versions/2", "/versions/1")
        return False

    fake_provider.answer = swap
    with pytest.raises(CorruptArtifact, match="version 2 and answered with version 1"):
        vendor.snapshot("ml_team.iris_model/2")


def test_the_record_of_a_model_holds_no_secret(cached: Path, home: Path) -> None:
    records = [path.read_text() for path in home.rglob("*.json")]
    assert records
    assert all("msh_" not in record for record in records)
    assert all(isinstance(json.loads(record), dict) for record in records)


@pytest.fixture
def content(tmp_path: Path) -> tuple[Cache, bytes, ManifestFile]:
    """A cache of somebody who uses one provider, and what that one sends."""
    sent = random_bytes(3000)
    return Cache(tmp_path / "cache", "a provider"), sent, manifest_of({"a.bin": sent}).files[0]


def test_a_small_content_becomes_a_sealed_blob_that_its_provider_delivered(
    content: tuple[Cache, bytes, ManifestFile],
) -> None:
    cache, sent, file = content
    assert not cache.has_blob(file)
    cache.add_blob(memoryview(sent), file.sha256)
    blob = cache.blob_path(file.sha256)
    assert blob.read_bytes() == sent
    assert blob.stat().st_mode & 0o777 == 0o444
    assert cache.has_blob(file)
    assert not Cache(cache.root, "another provider").has_blob(file)
    assert list(cache.tmp.iterdir()) == []


def test_a_content_that_two_providers_sent_is_one_blob(content: tuple[Cache, bytes, ManifestFile]) -> None:
    cache, sent, file = content
    another = Cache(cache.root, "another provider")
    for each in (cache, another):
        each.add_blob(memoryview(sent), file.sha256)
    assert cache.has_blob(file)
    assert another.has_blob(file)
    assert [path.name for path in cache.blobs.iterdir()] == [file.sha256]
    assert list(cache.tmp.iterdir()) == []


def test_a_content_is_kept_though_the_folders_of_what_is_built_and_of_records_are_gone(
    content: tuple[Cache, bytes, ManifestFile],
) -> None:
    cache, sent, file = content
    for folder in (cache.tmp, cache.root / "delivered"):
        folder.rmdir()
    cache.add_blob(memoryview(sent), file.sha256)
    assert cache.has_blob(file)


def test_a_content_that_came_by_blocks_before_is_then_here_by_its_sha256(
    content: tuple[Cache, bytes, ManifestFile],
) -> None:
    cache, sent, file = content
    by_blocks = cache.temporary()
    by_blocks.write_bytes(sent)
    cache.publish_blob(by_blocks, file.sha256, by_blocks=True)
    cache.add_blob(memoryview(sent), file.sha256)
    assert cache.has_blob(file)
    assert not Cache(cache.root, "another provider").has_blob(file)


def test_what_cannot_become_a_blob_leaves_nothing_behind(content: tuple[Cache, bytes, ManifestFile]) -> None:
    cache, sent, file = content
    cache.blob_path(file.sha256).mkdir()
    with pytest.raises(OSError):
        cache.add_blob(memoryview(sent), file.sha256)
    assert list(cache.tmp.iterdir()) == []


def test_a_manifest_that_was_damaged_is_written_anew(content: tuple[Cache, bytes, ManifestFile]) -> None:
    cache, sent, _ = content
    manifest = manifest_of({"a.bin": sent})
    with cache.held(manifest):
        pass
    (stored,) = cache.manifests.iterdir()
    stored.write_bytes(b"{}")
    with cache.held(manifest):
        assert cache.manifest(manifest.digest) == manifest

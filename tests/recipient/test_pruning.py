"""The cache gives back what was not used for longest, and the bytes it says it freed are true."""

from __future__ import annotations

import os
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model_sharing
from model_sharing.cache.maintenance.inventory import take_inventory
from model_sharing.cache.maintenance.pruning import CacheWarning, PruningLimits, PruningResult, prune
from model_sharing.cache.store import Cache
from model_sharing_protocol.errors import InvalidState
from support.cached_versions import DAY, NAME, bytes_on_disk, files_of, set_last_used, whole
from support.fake_provider.models import manifest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree


def test_least_recently_used_goes_first_and_the_bytes_freed_are_true(
    cache: Cache, three_cached_versions: list[str]
) -> None:
    before = bytes_on_disk(cache.blobs)
    assert before == 3 * 30_001 + 40_000
    pruned = prune(cache, PruningLimits(max_size=100_100))
    assert [entry.digest for entry in pruned.removed] == three_cached_versions[:1]
    assert (pruned.freed, pruned.remaining, pruned.in_use) == (30_001, 100_002, 0)
    assert bytes_on_disk(cache.root / "blobs") == before - pruned.freed
    assert whole(cache) == set(three_cached_versions[1:])


def test_what_was_not_used_for_long_goes(cache: Cache, three_cached_versions: list[str]) -> None:
    assert len(prune(cache, PruningLimits(older_than=1.5 * DAY)).removed) == 2
    assert whole(cache) == {three_cached_versions[2]}
    assert prune(cache, PruningLimits(older_than=0)).freed == 70_001
    assert not any(cache.blobs.iterdir())
    assert not any(cache.manifests.iterdir())
    assert not any(cache.tmp.iterdir())


def test_a_dry_run_says_the_same_and_touches_nothing(cache: Cache, three_cached_versions: list[str]) -> None:
    before = read_tree(cache.root)
    dry = prune(cache, PruningLimits(max_size=0), dry_run=True)
    assert read_tree(cache.root) == before
    assert described(dry) == described(prune(cache, PruningLimits(max_size=0)))


def described(pruned: PruningResult) -> tuple[list[str], int, int]:
    return [entry.digest for entry in pruned.removed], pruned.freed, pruned.remaining


def test_a_snapshot_is_pruned_once_it_is_released(
    vendor: model_sharing.Catalog, cache: Cache, three_cached_versions: list[str]
) -> None:
    snapshot = vendor.snapshot(f"{NAME}/1")
    assert prune(cache, PruningLimits(max_size=0)).in_use == 1
    assert whole(cache) == {three_cached_versions[0]}
    vendor.release(snapshot)
    assert prune(cache, PruningLimits(max_size=0)).in_use == 0
    assert not snapshot.folder.exists()
    with pytest.raises(InvalidState, match="once for each time"):
        vendor.release(snapshot)


def test_a_use_makes_it_recent_again_with_one_write_an_hour(
    vendor: model_sharing.Catalog, cache: Cache, three_cached_versions: list[str]
) -> None:
    record = cache.manifests / f"{three_cached_versions[0].removeprefix('sha256:')}.json"
    vendor.snapshot(f"{NAME}/1")
    first = record.stat().st_mtime_ns
    assert time.time() - first / 1e9 < 60
    vendor.snapshot(f"{NAME}/1")
    assert record.stat().st_mtime_ns == first


def test_orphans_are_swept(cache: Cache, three_cached_versions: list[str]) -> None:
    stranger = sha256(b"x").hexdigest()
    for name in (stranger, f"{stranger}.part", f"{stranger}.progress"):
        (cache.blobs / name).write_bytes(b"x")
    (cache.snapshots / stranger).mkdir()
    (cache.snapshots / stranger / "file").write_bytes(b"x")
    (cache.manifests / f"{stranger}.json").write_bytes(b"garbled")
    left = cache.temporary()
    left.write_bytes(b"x")
    os.utime(left, (0, 0))  # as of a sealed file that is on its way into its place
    pruned = prune(cache, PruningLimits())
    assert (pruned.removed, pruned.freed) == ((), 4)
    assert not list(cache.root.rglob(f"*{stranger}*"))
    assert left.exists()
    prune(cache, PruningLimits(), now=time.time() + 1.1 * DAY)
    assert not left.exists()
    assert whole(cache) == set(three_cached_versions)


_VERSIONS = st.lists(st.frozensets(st.integers(0, 7), min_size=1), min_size=1, max_size=6, unique=True)


@settings(max_examples=60, deadline=None)
@given(versions=_VERSIONS, data=st.data())
def test_pruning_never_leaves_a_snapshot_without_a_blob(
    versions: list[frozenset[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as root:
        cache = Cache(Path(root))
        held = set()
        for age, numbers in enumerate(versions):
            files = {f"{number}.bin": random_bytes(100 * number + 1, number) for number in numbers}
            manifest = manifest_of(files)
            with cache.held(manifest):
                for file in manifest.files:
                    if not cache.has_blob(file):
                        fresh = cache.temporary()
                        fresh.write_bytes(files[file.path])
                        cache.publish_blob(fresh, file.sha256)
                cache.publish_snapshot(manifest)
                if data.draw(st.booleans()):
                    held.add(manifest.digest)
                    cache.hold_until_exit(manifest.digest)
            set_last_used(cache, manifest.digest, days_ago=age)
        before = bytes_on_disk(cache.blobs)
        limit = data.draw(st.integers(0, before))
        age_limit = data.draw(st.none() | st.integers(0, 6))
        pruned = prune(cache, PruningLimits(limit, None if age_limit is None else age_limit * DAY + 60))
        left = whole(cache)
        assert left >= held
        assert left == {entry.digest for entry in take_inventory(cache).entries}
        assert bytes_on_disk(cache.blobs) == pruned.remaining == before - pruned.freed
        assert pruned.remaining <= limit or left == held
        for digest in held:
            cache.release(digest)


def test_a_limit_prunes_after_each_download(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    cache: Cache,
    three_cached_versions: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "101kB")
    fake_provider.publish(NAME, 4, files_of(4))
    held = model_sharing.catalog("vendor").snapshot(f"{NAME}/4").folder
    assert whole(cache) == {three_cached_versions[2], manifest_of(files_of(4)).digest}
    fake_provider.publish(NAME, 5, files_of(5))
    model_sharing.catalog("vendor").snapshot(f"{NAME}/5")
    assert read_tree(held) == files_of(4)
    assert bytes_on_disk(cache.blobs) == 100_002


def test_a_prune_that_fails_does_not_fail_the_download(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "0")
    fake_provider.publish(NAME, 1, files_of(1))
    monkeypatch.setattr("model_sharing.cache.maintenance.pruning.take_inventory", refuse)
    with pytest.warns(CacheWarning, match="could not be pruned"):
        folder = model_sharing.catalog("vendor").snapshot(f"{NAME}/1").folder
    assert read_tree(folder) == files_of(1)


def refuse(cache: Cache) -> None:
    raise PermissionError("no")

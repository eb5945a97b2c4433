"""Some of a version's files: these alone are fetched, each verified, and never taken for all of it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing_protocol.errors import (
    CorruptArtifact,
    InvalidParameter,
    InvalidState,
    NotFound,
    ServerUnreachable,
)
from support.cached_versions import DAY, set_last_used
from support.fake_provider.faults import corrupt, cut_after
from support.fake_provider.models import digest_of, manifest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.recipient_cli import RunCli
from support.small_disk import read_only

REF = "llm.tiny@Champion"
FILES = {
    "config.json": b"{}",
    "README.md": b"# Tiny\n",
    "tiny-Q4_K_M.gguf": random_bytes(40_000, 4),
    "tiny-Q8_0.gguf": random_bytes(80_000, 8),
    "f16/tiny-00001-of-00002.gguf": random_bytes(30_000, 1),
    "f16/tiny-00002-of-00002.gguf": random_bytes(30_000, 2),
    "original/weights.bin": random_bytes(50_000, 5),
}
DIGEST = manifest_of(FILES).digest


@pytest.fixture
def llm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> model_sharing.Catalog:
    fake_provider.publish("llm.tiny", 1, FILES, "Champion")
    return vendor


def fetched_paths(provider: FakeProvider) -> list[str]:
    """Paths of the version's files that were asked for since the last time."""
    paths = {digest_of(content): path for path, content in FILES.items()}
    found = [request.path.removeprefix("/files/").partition("?")[0] for request in provider.file_requests()]
    provider.requests.clear()
    return sorted(paths[sha256] for sha256 in found)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ("*.json", None, ["config.json"]),
        (["*.gguf"], ["f16/"], ["tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"]),
        ("f16/", None, ["f16/tiny-00001-of-00002.gguf", "f16/tiny-00002-of-00002.gguf"]),
        (None, ["*.gguf", "original/*"], ["README.md", "config.json"]),
        ("tiny-?4*", None, ["tiny-Q4_K_M.gguf"]),
        (["README.md", "c[o]nfig.json"], None, ["README.md", "config.json"]),
    ],
)
def test_patterns_match_as_those_of_hugging_face_do(
    llm: model_sharing.Catalog,
    fake_provider: FakeProvider,
    include: str | list[str] | None,
    exclude: list[str] | None,
    expected: list[str],
) -> None:
    snapshot = llm.partial_snapshot(REF, include=include, exclude=exclude)
    assert sorted(file.path for file in snapshot.files) == expected == fetched_paths(fake_provider)
    assert read_tree(snapshot.folder) == {path: FILES[path] for path in expected}
    assert (snapshot.fetched, snapshot.reused) == (snapshot.size, 0)


def test_the_shards_of_one_model_are_one_file(llm: model_sharing.Catalog) -> None:
    snapshot = llm.partial_snapshot(REF, file="*-00001-of-*.gguf")
    assert [file.path for file in snapshot.files] == [
        "f16/tiny-00001-of-00002.gguf",
        "f16/tiny-00002-of-00002.gguf",
    ]
    assert snapshot.path_of("f16/tiny-00002-of-00002.gguf").read_bytes() == random_bytes(30_000, 2)


def test_a_pattern_of_one_file_that_matches_none_or_several_says_what_is_there(
    llm: model_sharing.Catalog, fake_provider: FakeProvider
) -> None:
    with pytest.raises(InvalidParameter, match=r"3 files of .*'tiny-Q4_K_M.gguf', 'tiny-Q8_0.gguf'"):
        llm.partial_snapshot(REF, file="*.gguf")
    with pytest.raises(NotFound, match=r"no such files.*'README.md', 'config.json'"):
        llm.partial_snapshot(REF, file="*Q2_K.gguf")
    with pytest.raises(NotFound):
        llm.partial_snapshot(REF, include="*.safetensors")
    with pytest.raises(InvalidParameter):
        llm.partial_snapshot(REF, file="README.md", include="*")
    with pytest.raises(InvalidParameter):
        llm.partial_snapshot(REF, include="")
    assert fetched_paths(fake_provider) == []


def test_what_is_here_is_never_fetched_again_in_either_order(
    llm: model_sharing.Catalog, fake_provider: FakeProvider
) -> None:
    llm.partial_snapshot(REF, include="*.json")
    assert fetched_paths(fake_provider) == ["config.json"]
    llm.partial_snapshot(REF, include=["*.json", "*.md"])
    assert fetched_paths(fake_provider) == ["README.md"]
    whole = llm.snapshot(REF)
    assert fetched_paths(fake_provider) == sorted(FILES.keys() - {"config.json", "README.md"})
    again = llm.partial_snapshot(REF, file="tiny-Q8_0.gguf")
    assert (again.folder, again.fetched) == (whole.folder, 0)
    assert read_tree(llm.partial_snapshot(REF, exclude="*/*").folder).keys() == {
        path for path in FILES if "/" not in path
    }
    assert llm.partial_snapshot(REF, include="*").folder == whole.folder
    assert fetched_paths(fake_provider) == []


def test_a_part_is_there_without_the_provider_and_the_whole_is_not(
    llm: model_sharing.Catalog, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    llm.partial_snapshot(REF, include=["*.json", "*.md"])
    fake_provider.stop()
    with pytest.warns(model_sharing.StaleAliasWarning):
        assert read_tree(llm.partial_snapshot(REF, include="*.md").folder) == {"README.md": b"# Tiny\n"}
    for ask in (
        llm.snapshot,
        llm.load_model,
        lambda ref: llm.download(ref, tmp_path / "out"),
        lambda ref: llm.partial_snapshot(ref, file="*Q8_0.gguf"),
    ):
        with (
            pytest.warns(model_sharing.StaleAliasWarning),
            pytest.raises(ServerUnreachable, match="complete"),
        ):
            ask(REF)


def test_a_file_with_wrong_bytes_is_never_handed_over(
    llm: model_sharing.Catalog, fake_provider: FakeProvider, cache: Cache
) -> None:
    fake_provider.default_fault = corrupt
    with pytest.raises(CorruptArtifact):
        llm.partial_snapshot(REF, file="config.json")
    assert not list(cache.selections.iterdir())
    fake_provider.default_fault = None
    path = llm.partial_snapshot(REF, file="config.json").path_of("config.json")
    path.chmod(0o644)
    path.write_bytes(b"[]")
    assert llm.partial_snapshot(REF, file="config.json").path_of("config.json").read_bytes() == b"{}"


def test_a_large_file_goes_on_where_it_was_cut_off(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    large = random_bytes(2 * RANGE_BYTES, 7)
    fake_provider.publish("llm.large", 1, {"large.gguf": large, "other.bin": random_bytes(1000)}, "Champion")
    fake_provider.default_fault = cut_after(RANGE_BYTES // 2)
    fake_provider.faults = [cut_after(RANGE_BYTES // 2) for _ in range(2)]
    snapshot = vendor.partial_snapshot("llm.large@Champion", file="*.gguf")
    assert snapshot.path_of("large.gguf").read_bytes() == large
    assert fake_provider.file_bytes_sent == len(large)


def test_parts_and_the_whole_are_fetched_at_once(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """A large file is fetched once, however many ask for it in whatever company."""
    large = random_bytes(RANGE_BYTES + 1, 7)
    fake_provider.publish("llm.large", 1, {"large.gguf": large, "config.json": b"{}"}, "Champion")
    ref = "llm.large@Champion"
    with ThreadPoolExecutor(4) as threads:
        whole = threads.submit(vendor.snapshot, ref)
        parts = [
            threads.submit(vendor.partial_snapshot, ref, file=name)
            for name in ("*.gguf", "*.gguf", "config.json")
        ]
        assert read_tree(whole.result().folder) == {"large.gguf": large, "config.json": b"{}"}
        assert parts[0].result().path_of("large.gguf").read_bytes() == large
        assert parts[2].result().path_of("config.json").read_bytes() == b"{}"
    assert len(large) <= fake_provider.file_bytes_sent <= len(large) + 100


def test_pruning_counts_a_part_keeps_it_while_it_is_held_and_takes_all_of_it(
    llm: model_sharing.Catalog, cache: Cache
) -> None:
    snapshot = llm.partial_snapshot(REF, file="*Q4_K_M.gguf")
    set_last_used(cache, DIGEST, days_ago=3)
    assert prune(cache, PruningLimits(max_size=0)).in_use == 1
    llm.release(snapshot)
    assert not prune(cache, PruningLimits(), now=None).removed  # asked for and there: not abandoned
    assert snapshot.path_of("tiny-Q4_K_M.gguf").exists()
    freed = prune(cache, PruningLimits(older_than=2 * DAY))
    assert [entry.digest for entry in freed.removed] == [DIGEST]
    assert freed.freed == 40_000
    assert not list(cache.selections.iterdir())
    assert not list(cache.blobs.iterdir())


def test_the_cache_commands_call_it_partial(
    llm: model_sharing.Catalog, cache: Cache, run_cli: RunCli
) -> None:
    folder = llm.partial_snapshot(REF, include=["*.json", "*.md"]).folder
    listed = json.loads(run_cli("cache", "list", "--output", "json").stdout)["versions"]
    assert [(entry["full_name"], entry["complete"], entry["partial"]) for entry in listed] == [
        ("vendor.llm.tiny", False, True)
    ]
    assert " partial" in run_cli("cache", "list").stdout
    (folder / "README.md").unlink()
    assert [entry.digest for entry in verify(cache).damaged] == [DIGEST]
    assert not folder.exists()
    assert read_tree(llm.partial_snapshot(REF, include=["*.json", "*.md"]).folder).keys() == {
        "config.json",
        "README.md",
    }
    assert run_cli("cache", "verify").returncode == 0
    llm.snapshot(REF)
    assert json.loads(run_cli("cache", "list", "--output", "json").stdout)["versions"][0]["complete"]


def test_in_a_cache_that_cannot_be_written_what_is_there_can_be_had(
    llm: model_sharing.Catalog, home: Path
) -> None:
    llm.partial_snapshot(REF, include="*.json")
    folder = llm.snapshot(REF).folder
    with read_only(home):
        assert read_tree(llm.partial_snapshot(REF, include="*.json").folder).keys() == {"config.json"}
        assert llm.partial_snapshot(REF, file="*Q8_0.gguf").folder == folder
        with pytest.raises(InvalidState, match="MODEL_SHARING_CACHE"):
            llm.partial_snapshot(REF, include="*.md")


@pytest.mark.usefixtures("llm")
def test_it_can_be_awaited() -> None:
    async def config() -> bytes:
        async with model_sharing.AsyncCatalog("vendor") as catalog:
            snapshot = await catalog.partial_snapshot(REF, file="config.json")
            content = snapshot.path_of("config.json").read_bytes()
            catalog.release(snapshot)
        return content

    assert asyncio.run(config()) == b"{}"

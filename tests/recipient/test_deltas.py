"""A version that resembles one that is here: only what changed is fetched, and no hint is ever believed."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from rich.console import Console

import model_sharing
from model_sharing.api import background_loop
from model_sharing.api.progress_bars import DownloadBars
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import PartFile, range_bytes
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.settings import DEFAULT_JOBS
from model_sharing_protocol.chunk_maps import ChunkMap, ChunkMapWriter, write_maps
from model_sharing_protocol.errors import CorruptArtifact
from support.fake_provider.faults import answer_status, cut_after, ignore_range, slowly
from support.fake_provider.models import SHARE, Files, digest_of
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.files import random_bytes
from support.patience import PATIENCE
from support.recipient_cli import RunCli
from support.shared_catalog import shared_catalog_of
from support.updated_model import (
    MISANNOUNCED,
    MLMODEL,
    MODEL,
    announce,
    cache_first_version,
    damage,
    fetched,
    forget,
    withhold,
)

MIB = 1024 * 1024
BLOCKS = [random_bytes(MIB + number, seed=number) for number in range(36)]
"""Together more than two ranges of a large file, none of which begins where a block does."""
BEFORE = b"".join(BLOCKS)
CHANGED = {
    3: random_bytes(MIB, 103),
    20: random_bytes(2 * MIB, 120),
    21: random_bytes(MIB, 121),
    35: random_bytes(10, 135),
}
BLOCKS_AFTER = [random_bytes(5000, 99), *(CHANGED.get(number, block) for number, block in enumerate(BLOCKS))]
AFTER = b"".join(BLOCKS_AFTER)
NEW_BYTES = 5000 + sum(map(len, CHANGED.values()))
MAPPED = {BEFORE: BLOCKS, AFTER: BLOCKS_AFTER}


def chunk_map(data: bytes, blocks: list[bytes]) -> ChunkMap:
    """A map of these blocks for the file with this content."""
    writer = ChunkMapWriter()
    for block in blocks:
        writer.add(len(block), sha256(block).digest())
    return writer.finish(digest_of(data))


def honest(files: Files) -> bytes:
    return write_maps(chunk_map(data, MAPPED[data]) for data in files.values() if data in MAPPED)


MAP_BYTES = len(honest({"model.bin": AFTER}))


@pytest.fixture
def cache(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> Cache:
    """A cache that holds version 1 of a model, of which the provider has a second; nothing is counted yet."""
    fake_provider.chunk_maps = honest
    return cache_first_version(fake_provider, vendor, BEFORE, AFTER)


def base_of(cache: Cache) -> Path:
    return cache.blob_path(digest_of(BEFORE))


@pytest.mark.usefixtures("cache")
def test_only_what_changed_is_fetched(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    snapshot = vendor.snapshot(f"{MODEL}/2")
    assert (snapshot.folder / "model.bin").read_bytes() == AFTER
    assert fake_provider.file_bytes_sent == NEW_BYTES + MAP_BYTES
    assert snapshot.fetched == NEW_BYTES
    # The map; then the head, block 3, blocks 20 and 21 as one, and the last; one of them may span two ranges.
    assert len(fake_provider.file_requests()) <= 6
    forget(fake_provider)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_requests() == []


@pytest.mark.usefixtures("cache")
def test_who_has_nothing_more_to_fetch_helps_to_copy(
    vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    helped = threading.Event()
    copy = PartFile.copy

    def copy_last(part: PartFile, index: int, source: int, offset: int, count: int) -> None:
        """Copy ranges of which nothing has to be fetched when a thread that fetches copies one."""
        whole = count == part.end(index) - part.start(index)
        if whole and not threading.current_thread().name.startswith("model-sharing-copy"):
            helped.set()
        elif whole:
            assert helped.wait(PATIENCE)
        copy(part, index, source, offset, count)

    monkeypatch.setattr(PartFile, "copy", copy_last)
    assert fetched(vendor) == AFTER


@pytest.mark.usefixtures("cache")
def test_two_threads_copy_what_is_here(
    vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_are_there, begun = threading.Barrier(2), set[str]()
    copy = PartFile.copy

    def copy_beside_the_other(part: PartFile, index: int, source: int, offset: int, count: int) -> None:
        name = threading.current_thread().name
        if name.startswith("model-sharing-copy") and name not in begun:
            begun.add(name)
            both_are_there.wait(PATIENCE)
        copy(part, index, source, offset, count)

    monkeypatch.setattr(PartFile, "copy", copy_beside_the_other)
    assert fetched(vendor) == AFTER


def test_a_first_load_asks_for_the_map_beside_the_bytes(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.chunk_maps = honest
    fake_provider.publish(MODEL, 1, {"model.bin": BEFORE})
    bytes_came = threading.Event()

    def map_last(handler: Handler, data: bytes, start: int, end: int) -> None:
        if data == BEFORE:
            bytes_came.set()
        assert bytes_came.wait(10)
        serve_well(handler, data, start, end)

    fake_provider.default_fault = map_last
    assert fetched(vendor, 1) == BEFORE
    ranges = -(-len(BEFORE) // range_bytes(len(BEFORE), DEFAULT_JOBS))
    assert len(fake_provider.file_requests()) == ranges + 1
    assert fake_provider.file_bytes_sent == len(BEFORE) + len(honest({"": BEFORE}))


@pytest.mark.usefixtures("cache")
def test_a_file_of_another_model_of_the_share_serves_as_well(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.other", 1, {"weights/part-1.bin": AFTER})
    snapshot = vendor.snapshot("ml_team.other/1")
    assert (snapshot.folder / "weights/part-1.bin").read_bytes() == AFTER
    assert fake_provider.file_bytes_sent == NEW_BYTES + MAP_BYTES


@pytest.mark.usefixtures("cache")
def test_what_another_provider_sent_is_nobodys_business(fake_provider: FakeProvider, tmp_path: Path) -> None:
    """Else a provider could find out what is here by listing its chunks."""
    with FakeProvider() as stranger:
        stranger.chunk_maps = honest
        stranger.publish(MODEL, 1, {"model.bin": AFTER})
        (tmp_path / "stranger.share").write_bytes(stranger.profile())
        other = model_sharing.mount(tmp_path / "stranger.share", share=SHARE, name="other")
        assert fetched(other, 1) == AFTER
        assert stranger.file_bytes_sent == len(AFTER) + MAP_BYTES


def of_another_file(files: Files) -> bytes:
    """All is as it was, this one says: copying it gives another file."""
    return write_maps([chunk_map(AFTER, [*BLOCKS, bytes(len(AFTER) - len(BEFORE))])])


def with_one_lie(files: Files) -> bytes:
    """An old block lies where it does not, this one says, and bytes that nobody knows follow it."""
    unknown = random_bytes(len(BLOCKS_AFTER[20]) + len(BLOCKS_AFTER[21]) - len(BLOCKS[5]))
    return write_maps([chunk_map(AFTER, [*BLOCKS_AFTER[:20], BLOCKS[5], unknown, *BLOCKS_AFTER[22:]])])


def too_short(files: Files) -> bytes:
    return write_maps([chunk_map(AFTER, BLOCKS_AFTER[:-1])])


def of_no_file(files: Files) -> bytes:
    return write_maps([chunk_map(b"of no file", BLOCKS_AFTER)])


def garbage(files: Files) -> bytes:
    return random_bytes(5000)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("lie", [of_another_file, with_one_lie, too_short, of_no_file, garbage])
def test_a_map_that_lies_costs_a_full_fetch_at_worst(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, lie: Callable[[Files], bytes]
) -> None:
    fake_provider.chunk_maps = lie
    assert fetched(vendor) == AFTER
    assert len(AFTER) <= fake_provider.file_bytes_sent <= len(AFTER) + NEW_BYTES + 8 * MIB


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("otherwise", MISANNOUNCED, ids=lambda otherwise: next(iter(otherwise)))
def test_a_map_that_is_not_as_announced_is_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, otherwise: dict[str, object]
) -> None:
    announce(fake_provider, "chunkMaps", otherwise)
    assert fetched(vendor) == AFTER


@pytest.mark.usefixtures("cache")
def test_a_provider_of_an_earlier_release_has_no_maps(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.chunk_maps = None
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(AFTER)


def test_a_map_that_cannot_be_had_is_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    fake_provider.default_fault = withhold(honest({"": AFTER}))
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(AFTER)


def test_a_base_that_is_damaged_costs_its_damaged_chunks_and_is_dropped(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    for number in (7, 30):
        damage(base_of(cache), sum(map(len, BLOCKS[:number])) + 1000)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == NEW_BYTES + MAP_BYTES + len(BLOCKS[7]) + len(BLOCKS[30])
    assert not base_of(cache).exists()


def test_a_base_that_goes_while_it_is_copied_is_fetched_instead(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    def drop_base(handler: Handler, data: bytes, start: int, end: int) -> None:
        base_of(cache).unlink(missing_ok=True)
        serve_well(handler, data, start, end)

    # The first request is for the map, which is planned by before the second.
    fake_provider.faults = [serve_well, drop_base]
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent <= len(AFTER) + MAP_BYTES


def test_nobody_prunes_a_base_in_use(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    pruned = []

    def prune_all(handler: Handler, data: bytes, start: int, end: int) -> None:
        if data == AFTER:
            pruned.append(prune(cache, PruningLimits(max_size=0)))
        serve_well(handler, data, start, end)

    fake_provider.default_fault = prune_all
    assert fetched(vendor) == AFTER
    assert [(len(done.removed), done.in_use) for done in pruned] == [(0, 2)] * len(pruned)
    assert fake_provider.file_bytes_sent == NEW_BYTES + MAP_BYTES
    done = prune(cache, PruningLimits(max_size=0))
    assert (len(done.removed), done.in_use) == (1, 1)
    assert not base_of(cache).exists()


def test_what_was_pruned_is_no_base(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    assert prune(cache, PruningLimits(max_size=0)).removed
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(AFTER + MLMODEL) + MAP_BYTES


def test_maps_are_kept_with_their_version_verified_and_pruned_with_it(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    (maps,) = [path for path in cache.blobs.iterdir() if path.read_bytes() == honest({"": BEFORE})]
    prune(cache, PruningLimits(older_than=3600))
    assert maps.exists()
    damage(maps, 100)
    assert verify(cache).corrupt == (maps.name,)
    assert not maps.exists()
    snapshot = vendor.snapshot(f"{MODEL}/2")
    assert fake_provider.file_bytes_sent == len(AFTER) + MAP_BYTES
    (maps,) = [path for path in cache.blobs.iterdir() if path.read_bytes() == honest({"": AFTER})]
    cache.release(snapshot.manifest.digest)
    prune(cache, PruningLimits(max_size=0))
    assert list(cache.blobs.iterdir()) == []


@pytest.mark.usefixtures("cache")
def test_cuts_busy_servers_and_expired_addresses_are_lived_through(
    fake_provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "30s")
    patient = model_sharing.catalog("vendor")

    def expire(handler: Handler, data: bytes, start: int, end: int) -> None:
        fake_provider.refuse_tickets_below = fake_provider.tickets + 1
        handler.send(403, b"expired", "text/plain")

    fake_provider.faults = [
        serve_well,
        cut_after(1000),
        answer_status(503),
        expire,
        cut_after(300_000),
        cut_after(0),
    ]
    assert fetched(patient) == AFTER
    assert fake_provider.file_bytes_sent == NEW_BYTES + MAP_BYTES


@pytest.mark.usefixtures("cache")
def test_a_server_that_ignores_ranges_sends_all(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.default_fault = ignore_range
    assert fetched(vendor) == AFTER


def corrupting(times: int) -> Callable[[Handler, bytes, int, int], None]:
    """Flip one bit in the middle of each of the first answers with bytes of a model."""
    left = [times]

    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        if data not in MAPPED or not left[0]:
            serve_well(handler, data, start, end)
            return
        left[0] -= 1
        middle = (start + end) // 2
        handler.start_file(data, start, end)
        handler.send_bytes(data[start:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 : end])

    return fault


def test_corruption_on_the_way_costs_a_chunk_where_there_is_a_map(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.chunk_maps = honest
    fake_provider.publish(MODEL, 1, {"model.bin": BEFORE})
    fake_provider.default_fault = corrupting(1)
    assert fetched(vendor, 1) == BEFORE
    assert fake_provider.file_bytes_sent <= len(BEFORE) + len(honest({"": BEFORE})) + max(map(len, BLOCKS))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("times", "ends"), [(2, True), (10**6, False)])
def test_corruption_that_stays_is_an_error(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, times: int, ends: bool
) -> None:
    fake_provider.default_fault = corrupting(times)
    if ends:
        assert fetched(vendor) == AFTER
    else:
        with pytest.raises(CorruptArtifact, match=r"model\.bin"):
            fetched(vendor)


def test_kill_nine_in_a_delta_loses_no_byte_that_had_arrived_or_was_copied(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    program = f"import model_sharing; model_sharing.catalog('vendor').snapshot('{MODEL}/2')"
    fake_provider.default_fault = slowly(0.05)
    for _ in range(3):
        before = fake_provider.file_bytes_sent
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stderr=subprocess.DEVNULL
        )
        while process.poll() is None and fake_provider.file_bytes_sent < before + MIB:
            time.sleep(0.01)
        assert process.poll() is None, "it was done before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    fake_provider.default_fault = None
    # What is here of the part is not looked for in the base again.
    base_of(cache).unlink()
    sent = fake_provider.file_bytes_sent
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent - sent < len(AFTER) - 8 * MIB


@pytest.mark.usefixtures("cache")
def test_the_command_line_says_what_was_reused(
    run_cli: RunCli, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    done = run_cli("download", f"models:/vendor.{MODEL}/2", tmp_path / "out", "--output", "json")
    said = json.loads(done.stdout)
    reused = len(AFTER) - NEW_BYTES + len(MLMODEL)
    assert (said["fetched"], said["reused"]) == (NEW_BYTES, reused)
    again = run_cli("download", f"models:/vendor.{MODEL}/2", tmp_path / "again")
    assert "were in the cache; 0 B were fetched" in again.stdout
    fake_provider.publish(MODEL, 3, {"model.bin": AFTER + BLOCKS[0]}, "Champion")
    MAPPED[AFTER + BLOCKS[0]] = [*BLOCKS_AFTER, BLOCKS[0]]
    (pulled,) = json.loads(run_cli("pull", "vendor", "--output", "json").stdout)
    assert (pulled["fetched"], pulled["reused"]) == (0, len(AFTER + BLOCKS[0]))


@pytest.mark.usefixtures("cache")
def test_a_person_sees_each_large_file_and_what_was_here(vendor: model_sharing.Catalog) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=150)
    background_loop.run(
        lambda: shared_catalog_of(vendor).snapshot(
            f"{MODEL}/2", counter=ProgressCounter(DownloadBars(console))
        )
    )
    assert "model.bin" in screen.getvalue()
    assert "1 of 2 files are here already" in screen.getvalue()
    assert f"1/1 files, {(len(AFTER) - NEW_BYTES) / 1e6:.1f} MB were here" in screen.getvalue()

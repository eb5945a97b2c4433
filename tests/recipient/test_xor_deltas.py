"""A full fine-tune of a file that is here: its XOR delta is fetched, and believed in nothing."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import background_loop
from model_sharing.cache.maintenance.inventory import take_inventory
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing.downloads import measured_rates
from model_sharing.downloads.measured_rates import MeasuredRates
from model_sharing.downloads.part_file import PartFile, arrived_bytes
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing_protocol.chunk_maps import ChunkMapWriter, write_maps
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.xor_deltas import BLOCK_BYTES, write_start
from support.bf16_weights import fine_tuned, weights, xor_delta
from support.fake_provider.faults import answer_status, cut_after, slowly
from support.fake_provider.models import SHARE, XorDelta, digest_of
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.files import random_bytes
from support.patience import within_patience
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
BEFORE = b"an old header" + weights(5 * MIB)
AFTER = b"another header" + fine_tuned(BEFORE[13:]) + b"a new weight"
DELTA = xor_delta(AFTER, BEFORE, head=14, base_start=13)


def offer(fake_provider: FakeProvider, delta: bytes = DELTA, base: bytes = BEFORE) -> None:
    fake_provider.deltas = [XorDelta(digest_of(AFTER), digest_of(base), delta)]


@pytest.fixture
def cache(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> Cache:
    """A cache that holds version 1 of a model; version 2 comes with a delta. Nothing is counted yet."""
    offer(fake_provider)
    return cache_first_version(fake_provider, vendor, BEFORE, AFTER)


def asked_for(fake_provider: FakeProvider, wanted: bytes) -> bool:
    return any(digest_of(wanted) in request.path for request in fake_provider.file_requests())


def test_the_delta_is_fetched_and_nothing_else(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    snapshot = vendor.snapshot(f"{MODEL}/2")
    assert (snapshot.folder / "model.bin").read_bytes() == AFTER
    assert fake_provider.file_bytes_sent == snapshot.fetched == len(DELTA) < len(AFTER) / 4
    assert not cache.blob_path(digest_of(DELTA)).exists()
    assert list(cache.tmp.iterdir()) == []
    forget(fake_provider)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_requests() == []


def test_a_delta_is_applied_while_it_arrives(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    head = 5 * MIB // 2
    offer(fake_provider, xor_delta(AFTER, BEFORE, head=head, base_start=head - 1))
    restored_before = []

    def rest_later(handler: Handler, data: bytes, start: int, end: int) -> None:
        rest = max(start, min(end, 3 * MIB))
        handler.start_file(data, start, end)
        handler.send_bytes(data[start:rest])
        if rest < end:
            restored_before.append(within_patience(lambda: is_restored(cache, head)))
        handler.send_bytes(data[rest:end])

    fake_provider.default_fault = rest_later
    assert fetched(vendor) == AFTER
    assert restored_before == [True]


def is_restored(cache: Cache, size: int) -> bool:
    """True if so many bytes of what a delta makes are here."""
    return any(path.stat().st_size >= size for path in cache.tmp.iterdir())


def test_a_delta_that_turns_out_invalid_is_not_fetched_to_its_end(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODEL_SHARING_JOBS", "1")
    invalid = random_bytes(7 * MIB)
    offer(fake_provider, invalid)
    fake_provider.faults = [slowly(0.05)]
    assert fetched(model_sharing.catalog("vendor")) == AFTER
    assert fake_provider.file_bytes_sent < len(AFTER) + 5 * MIB
    assert not shared_catalog_of(vendor).cache.part_path(digest_of(invalid)).exists()


def test_a_disk_that_fills_while_a_delta_is_applied_keeps_nothing_half_made(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    """RLIMIT_FSIZE makes the kernel refuse writes, as a full disk or a quota does."""
    script = f"""
import resource, model_sharing
resource.setrlimit(resource.RLIMIT_FSIZE, ({5 * MIB}, {5 * MIB}))
try:
    model_sharing.catalog("vendor").snapshot("{MODEL}/2")
except model_sharing.SharingError as error:
    print(type(error).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "DiskFull\n"
    assert asked_for(fake_provider, DELTA)
    assert list(cache.tmp.iterdir()) == []
    assert not shared_catalog_of(vendor).cache.part_path(digest_of(DELTA)).exists()
    assert fetched(vendor) == AFTER


def test_kill_nine_while_a_delta_is_applied_loses_no_byte_that_had_arrived(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    program = f"import model_sharing; model_sharing.catalog('vendor').snapshot('{MODEL}/2')"
    fake_provider.default_fault = slowly(0.3)
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as process:
        part = shared_catalog_of(vendor).cache.part_path(digest_of(DELTA))
        assert within_patience(lambda: arrived_bytes(part, len(DELTA)) >= MIB)
        process.kill()
    fake_provider.default_fault = None
    forget(fake_provider)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent < len(DELTA) - MIB // 2  # some went to the one that was killed
    assert not part.exists()


FAST, SLOW = 10**12, 10**5


@pytest.mark.parametrize(
    ("policy", "arrive", "is_taken"),
    [
        ("fastest", FAST, False),
        ("fastest", SLOW, True),
        ("smallest", FAST, True),
        ("never", SLOW, False),
        ("", FAST, False),
    ],
)
def test_a_delta_is_taken_where_it_is_sooner_or_as_asked_for(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    arrive: int,
    is_taken: bool,
) -> None:
    monkeypatch.setenv("MODEL_SHARING_DELTAS", policy)
    MeasuredRates(rates_of(vendor)).record_arrival(arrive, 1)
    assert fetched(model_sharing.catalog("vendor")) == AFTER
    assert asked_for(fake_provider, DELTA) == is_taken


def rates_of(vendor: model_sharing.Catalog) -> Path:
    catalog = shared_catalog_of(vendor)
    return catalog.cache.rates_path()


def test_rates_are_measured_by_each_large_download(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_rates, "LEAST_BYTES", MIB)
    offer(fake_provider)
    cache_first_version(fake_provider, vendor, BEFORE, AFTER)
    first = json.loads(rates_of(vendor).read_bytes())
    assert first["arrive"] > 0
    assert first["applied"] == 0
    monkeypatch.setenv("MODEL_SHARING_DELTAS", "smallest")
    assert fetched(model_sharing.catalog("vendor")) == AFTER
    assert json.loads(rates_of(vendor).read_bytes())["applied"] > 0


def test_of_line_and_cpu_the_slower_one_decides(tmp_path: Path) -> None:
    """The sum of both would take 8 seconds for what takes 5, and 6 for the whole file."""
    rates = MeasuredRates(tmp_path / "rates.json")
    rates.record_arrival(100 * MIB, 1)
    rates.record_delta(delta=10 * MIB, size=120 * MIB, seconds=1, waited=0.1)
    assert rates.is_delta_faster(delta=300 * MIB, size=600 * MIB, whole=600 * MIB)
    assert not rates.is_delta_faster(delta=300 * MIB, size=800 * MIB, whole=600 * MIB)


def test_a_delta_that_waited_for_the_line_tells_its_rate_and_that_the_cpu_is_not_slower(
    tmp_path: Path,
) -> None:
    rates = MeasuredRates(tmp_path / "rates.json")
    rates.record_delta(delta=100 * MIB, size=500 * MIB, seconds=1, waited=0.1)
    rates.record_delta(delta=50 * MIB, size=250 * MIB, seconds=1, waited=0.9)
    assert json.loads((tmp_path / "rates.json").read_bytes()) == {"arrive": 50 * MIB, "applied": 500 * MIB}
    rates.record_delta(delta=200 * MIB, size=1000 * MIB, seconds=1, waited=0.9)
    assert json.loads((tmp_path / "rates.json").read_bytes()) == {"arrive": 200 * MIB, "applied": 1000 * MIB}


def test_a_limited_rate_is_the_rate_of_the_line(tmp_path: Path) -> None:
    MeasuredRates(tmp_path / "rates.json").record_arrival(FAST, 1)
    size = 10**9
    assert not MeasuredRates(tmp_path / "rates.json").is_delta_faster(size // 10, size, size)
    limited = MeasuredRates(tmp_path / "rates.json", limit=SLOW)
    assert limited.is_delta_faster(size // 10, size, size)
    limited.record_arrival(size, size / SLOW)
    assert not MeasuredRates(tmp_path / "rates.json").is_delta_faster(size // 10, size, size)


def test_damaged_rates_are_none(tmp_path: Path) -> None:
    (tmp_path / "rates.json").write_bytes(b"no JSON")
    assert MeasuredRates(tmp_path / "rates.json").is_delta_faster(1, 10, 10)


def test_without_its_base_a_delta_is_of_no_use(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish(MODEL, 2, {"model.bin": AFTER})
    offer(fake_provider)
    assert fetched(vendor) == AFTER
    assert not asked_for(fake_provider, DELTA)


@pytest.mark.usefixtures("cache")
def test_what_another_provider_sent_is_nobodys_business(fake_provider: FakeProvider, tmp_path: Path) -> None:
    """Else a provider could find out what is here by what its deltas are made from."""
    with FakeProvider() as stranger:
        stranger.publish(MODEL, 2, {"model.bin": AFTER})
        offer(stranger)
        (tmp_path / "stranger.share").write_bytes(stranger.profile())
        other = model_sharing.mount(tmp_path / "stranger.share", share=SHARE, name="other")
        assert fetched(other) == AFTER
        assert not asked_for(stranger, DELTA)


@pytest.mark.usefixtures("cache")
def test_of_several_deltas_the_smallest_is_taken(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    larger = xor_delta(AFTER, MLMODEL, head=4 * MIB)[: len(DELTA) + 1]
    smaller = DELTA[:-1]
    for base, delta in ((BEFORE, larger), (b"not here", smaller)):
        fake_provider.deltas.append(XorDelta(digest_of(AFTER), digest_of(base), delta))
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(DELTA)


def chunk_maps(files: Mapping[str, bytes]) -> bytes:
    """Maps of blocks of which the two versions have none in common."""
    maps = []
    for data in files.values():
        writer = ChunkMapWriter()
        for start in range(0, len(data), MIB):
            block = data[start : start + MIB]
            writer.add(len(block), bytes.fromhex(digest_of(block)))
        maps.append(writer.finish(digest_of(data)))
    return write_maps(maps)


def test_where_chunks_save_as_much_a_delta_is_left_alone(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    nearly = BEFORE[: 7 * MIB] + random_bytes(len(BEFORE) - 7 * MIB)
    delta = xor_delta(nearly, BEFORE)
    assert len(delta) < len(nearly) / 3
    fake_provider.chunk_maps = chunk_maps
    fake_provider.publish(MODEL, 1, {"model.bin": BEFORE})
    fake_provider.publish(MODEL, 2, {"model.bin": nearly})
    fake_provider.deltas = [XorDelta(digest_of(nearly), digest_of(BEFORE), delta)]
    vendor.snapshot(f"{MODEL}/1")
    assert fetched(vendor) == nearly
    assert not asked_for(fake_provider, delta)


@pytest.mark.usefixtures("cache")
def test_cuts_busy_servers_and_expired_addresses_are_lived_through(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    def expire(handler: Handler, data: bytes, start: int, end: int) -> None:
        fake_provider.refuse_tickets_below = fake_provider.tickets + 1
        handler.send(403, b"expired", "text/plain")

    fake_provider.faults = [cut_after(1000), answer_status(503), expire, cut_after(300_000), cut_after(0)]
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(DELTA)


def test_what_has_arrived_of_a_delta_is_not_fetched_again(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    arrived = memoryview(DELTA)[:300_000]
    with PartFile(shared_catalog_of(vendor).cache.part_path(digest_of(DELTA)), len(DELTA)) as part:
        part.append(0, arrived)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(DELTA) - len(arrived)


class Seen(NoObserver):
    """Adds up what a person sees arrive."""

    advanced = 0

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        self.advanced += size


def raw(size: int, *streams: bytes) -> bytes:
    """A delta of one block that says all this."""
    return write_start(size, b"", 0) + struct.pack(">II", *map(len, streams)) + b"".join(streams)


LIES = {
    "of another file": xor_delta(AFTER[:-1] + b"!", BEFORE, head=14, base_start=13),
    "of a shorter file": xor_delta(AFTER[:-1], BEFORE, head=14, base_start=13),
    "cut off": DELTA[:-1000],
    "goes on": DELTA + bytes(10),
    "garbage": random_bytes(MIB),
    "empty": b"",
    "a bomb": raw(len(AFTER), zlib.compress(bytes(64 * MIB)), zlib.compress(bytes(BLOCK_BYTES // 2))),
    "a file that is here": MLMODEL,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_delta_that_lies_costs_a_full_fetch(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache, lie: bytes
) -> None:
    offer(fake_provider, lie)
    seen = Seen()
    snapshot = background_loop.run(
        lambda: shared_catalog_of(vendor).snapshot(f"{MODEL}/2", counter=ProgressCounter(seen))
    )
    assert (snapshot.folder / "model.bin").read_bytes() == AFTER
    assert seen.advanced == snapshot.fetched == len(AFTER)
    assert len(AFTER) <= fake_provider.file_bytes_sent <= len(AFTER) + len(lie)
    blobs = {path.name for path in cache.blobs.iterdir()}
    assert blobs == {digest_of(data) for data in (BEFORE, AFTER, MLMODEL)}
    assert list(cache.tmp.iterdir()) == []


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("otherwise", MISANNOUNCED, ids=lambda otherwise: next(iter(otherwise)))
def test_a_delta_that_is_not_as_announced_is_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, otherwise: dict[str, object]
) -> None:
    announce(fake_provider, "deltas", otherwise)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent >= len(AFTER)


@pytest.mark.usefixtures("cache")
def test_a_delta_that_cannot_be_had_is_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.default_fault = withhold(DELTA)
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(AFTER)


def test_a_base_that_goes_while_its_delta_comes_serves_to_the_end(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    def drop_base(handler: Handler, data: bytes, start: int, end: int) -> None:
        cache.blob_path(digest_of(BEFORE)).unlink(missing_ok=True)
        serve_well(handler, data, start, end)

    fake_provider.default_fault = drop_base
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(DELTA)


def test_a_base_that_changes_while_its_delta_comes_is_dropped_and_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    base = cache.blob_path(digest_of(BEFORE))

    def damage_base(handler: Handler, data: bytes, start: int, end: int) -> None:
        if base.exists():
            damage(base, len(BEFORE) - 1)
        serve_well(handler, data, start, end)

    fake_provider.faults = [damage_base]
    assert fetched(vendor) == AFTER
    assert not base.exists()
    assert fake_provider.file_bytes_sent == len(DELTA) + len(AFTER)


def test_a_base_that_is_damaged_is_dropped_and_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    base = cache.blob_path(digest_of(BEFORE))
    damage(base, len(BEFORE) - 1)
    assert fetched(vendor) == AFTER
    assert not base.exists()


def test_nobody_prunes_a_base_in_use_nor_what_is_coming(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    pruned = []

    def prune_all(handler: Handler, data: bytes, start: int, end: int) -> None:
        pruned.append(prune(cache, PruningLimits(max_size=0)))
        serve_well(handler, data, start, end)

    fake_provider.default_fault = prune_all
    assert fetched(vendor) == AFTER
    assert {(len(done.removed), done.in_use) for done in pruned} == {(0, 2)}
    assert fake_provider.file_bytes_sent == len(DELTA)


def arrive(cache: Cache, data: bytes) -> Path:
    """Leave what a process leaves that was killed when all of a delta had arrived."""
    path = cache.part_path(digest_of(DELTA))
    with PartFile(path, len(DELTA)) as part:
        part.append(0, memoryview(data))
    return path


def test_a_delta_that_a_killed_process_left_is_used_and_gone(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    left = arrive(shared_catalog_of(vendor).cache, DELTA)
    snapshot = vendor.snapshot(f"{MODEL}/2")
    assert (snapshot.folder / "model.bin").read_bytes() == AFTER
    assert fake_provider.file_bytes_sent == snapshot.fetched == 0
    assert not left.exists()


def test_a_delta_that_was_left_damaged_is_done_without(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    left = arrive(shared_catalog_of(vendor).cache, DELTA[:-1] + b"?")
    assert fetched(vendor) == AFTER
    assert fake_provider.file_bytes_sent == len(AFTER)
    assert not left.exists()


def test_a_delta_that_an_earlier_release_left_is_verified_and_pruned_with_its_version(
    vendor: model_sharing.Catalog, cache: Cache
) -> None:
    snapshot = vendor.snapshot(f"{MODEL}/2")
    left = cache.blob_path(digest_of(DELTA))
    left.write_bytes(DELTA[:-1] + b"?")
    assert take_inventory(cache).orphaned == 0
    assert verify(cache).corrupt == (left.name,)
    assert not left.exists()
    left.write_bytes(DELTA)
    cache.release(snapshot.manifest.digest)
    prune(cache, PruningLimits(max_size=0))
    assert list(cache.blobs.iterdir()) == []

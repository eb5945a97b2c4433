"""Isolation of providers: one learns nothing of what another delivered, and loads none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import RANGE_BYTES, PartFile
from model_sharing_protocol.errors import CorruptArtifact, SharingError
from model_sharing_protocol.signing_keys import ListedKey, endorse, first_of
from support.cached_versions import whole
from support.fake_provider.faults import answer_status
from support.fake_provider.models import SHARE, XorDelta, digest_of, manifest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.recipient_cli import RunCli
from support.shared_catalog import shared_catalog_of
from support.updated_model import withhold

MODEL = "ml_team.iris_model"
SECRET = random_bytes(50_000, 7)
FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": SECRET}

Mounting = Callable[..., model_sharing.Catalog]


@pytest.fixture
def mounted(tmp_path: Path) -> Mounting:
    """Mounts a fake provider's share under a name."""

    def mount(fake_provider: FakeProvider, name: str) -> model_sharing.Catalog:
        profile = tmp_path / f"{name}.share"
        profile.write_bytes(fake_provider.profile())
        return model_sharing.mount(profile, share=SHARE, name=name)

    return mount


@pytest.fixture
def stranger() -> Iterator[FakeProvider]:
    with FakeProvider() as stranger:
        stranger.publish(MODEL, 1, FILES)
        yield stranger


@pytest.fixture
def delivered(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> Path:
    """The version, as the vendor delivered it."""
    fake_provider.publish(MODEL, 1, FILES)
    return vendor.snapshot(f"{MODEL}/1").folder


def asked_for(fake_provider: FakeProvider, data: bytes) -> bool:
    return any(digest_of(data) in request.path for request in fake_provider.file_requests())


def test_what_another_provider_sent_is_fetched_again_and_stored_once(
    stranger: FakeProvider, mounted: Mounting, delivered: Path, cache: Cache
) -> None:
    other = mounted(stranger, "other")
    before = {path: path.stat().st_ino for path in cache.blobs.iterdir()}
    assert read_tree(other.snapshot(f"{MODEL}/1").folder) == FILES
    assert all(asked_for(stranger, data) for data in FILES.values())
    assert {path: path.stat().st_ino for path in cache.blobs.iterdir()} == before
    stranger.requests.clear()
    assert other.snapshot(f"{MODEL}/1").folder == delivered
    assert not stranger.file_requests()


@pytest.mark.usefixtures("delivered")
@pytest.mark.parametrize("files", [FILES, {"MLmodel": b"another", "weights.bin": SECRET}])
def test_who_names_a_digest_without_having_the_bytes_has_no_version(
    stranger: FakeProvider, mounted: Mounting, tmp_path: Path, files: dict[str, bytes]
) -> None:
    stranger.publish(MODEL, 1, files)
    stranger.default_fault = withhold(SECRET)
    other = mounted(stranger, "other")
    for _ in range(2):
        for way in (lambda: other.snapshot(f"{MODEL}/1"), lambda: other.load_model(f"{MODEL}/1")):
            with pytest.raises(SharingError):
                way()
    with pytest.raises(SharingError):
        other.download(f"{MODEL}/1", tmp_path / "out")


@pytest.mark.usefixtures("delivered")
def test_a_content_that_reads_like_a_version_does_not_stand_for_its_files(
    stranger: FakeProvider, mounted: Mounting
) -> None:
    """Its sha256 is the version's digest."""
    lines = "".join(f"{file.sha256} {file.size} {file.path}\n" for file in manifest_of(FILES).files).encode()
    assert manifest_of(FILES).digest == f"sha256:{digest_of(lines)}"
    stranger.publish(MODEL, 2, {"MLmodel": b"", "lines": lines})
    other = mounted(stranger, "other")
    other.snapshot(f"{MODEL}/2")
    stranger.default_fault = answer_status(404)
    with pytest.raises(SharingError):
        other.snapshot(f"{MODEL}/1")


def test_what_has_arrived_from_one_is_no_start_for_another(
    fake_provider: FakeProvider,
    stranger: FakeProvider,
    vendor: model_sharing.Catalog,
    mounted: Mounting,
    cache: Cache,
) -> None:
    large = random_bytes(RANGE_BYTES + 100_000)
    for each in (fake_provider, stranger):
        each.publish(MODEL, 1, {"weights.bin": large})
    arrived = memoryview(large)[:300_000]
    with PartFile(shared_catalog_of(vendor).cache.part_path(digest_of(large)), len(large)) as part:
        part.append(0, arrived)
    mounted(stranger, "other").snapshot(f"{MODEL}/1")
    assert stranger.file_bytes_sent == len(large)
    vendor.snapshot(f"{MODEL}/1")
    assert fake_provider.file_bytes_sent == len(large) - len(arrived)
    assert [path.name for path in cache.blobs.iterdir()] == [digest_of(large)]


@pytest.mark.usefixtures("delivered")
def test_whoever_calls_anothers_file_a_delta_does_not_lose_it_that_file(
    stranger: FakeProvider, mounted: Mounting, cache: Cache
) -> None:
    before, after = random_bytes(200_000, 1), random_bytes(200_000, 2)
    stranger.publish(MODEL, 1, {"weights.bin": before})
    stranger.publish(MODEL, 2, {"weights.bin": after})
    stranger.deltas = [XorDelta(digest_of(after), digest_of(before), SECRET)]
    other = mounted(stranger, "other")
    other.snapshot(f"{MODEL}/1")
    assert read_tree(other.snapshot(f"{MODEL}/2").folder) == {"weights.bin": after}
    assert asked_for(stranger, SECRET)
    assert cache.blob_path(digest_of(SECRET)).read_bytes() == SECRET


@pytest.mark.parametrize("rotations", [0, 2])
def test_all_mounts_of_one_provider_reuse_what_it_sent(
    fake_provider: FakeProvider, delivered: Path, mounted: Mounting, rotations: int
) -> None:
    for _ in range(rotations):
        fake_provider.rotate()
    again = mounted(fake_provider, "again")
    assert len(again.mount.keys) == 1
    fake_provider.requests.clear()
    assert again.snapshot(f"{MODEL}/1").folder == delivered
    assert not fake_provider.file_requests()


def test_nobody_becomes_another_provider_by_vouching_for_its_key_or_listing_it(
    fake_provider: FakeProvider, stranger: FakeProvider, delivered: Path, mounted: Mounting
) -> None:
    theirs = fake_provider.keys[-1].pem
    stranger.keys = [ListedKey(theirs, 0), ListedKey(stranger.key.public.pem, 0)]
    assert mounted(stranger, "follows").mount.provider_fingerprint != fake_provider.key.public.fingerprint
    stranger.keys = [ListedKey(stranger.key.public.pem, 0)]
    stranger.keys.append(ListedKey(theirs, 0, endorse(stranger.key, fake_provider.key.public)))
    expected = stranger.key.public.fingerprint
    assert (
        first_of(fake_provider.key.public, stranger.keys).fingerprint
        == expected
        != fake_provider.key.public.fingerprint
    )


@pytest.mark.usefixtures("delivered")
def test_offline_each_has_what_it_delivered(
    fake_provider: FakeProvider, stranger: FakeProvider, vendor: model_sharing.Catalog, mounted: Mounting
) -> None:
    other = mounted(stranger, "other")
    other.resolve(f"{MODEL}/1")
    stranger.stop()
    with pytest.raises(SharingError):
        other.snapshot(f"{MODEL}/1")
    fake_provider.stop()
    assert read_tree(vendor.snapshot(f"{MODEL}/1").folder) == FILES


def test_a_repair_helps_both_and_pruning_forgets_who_delivered(
    fake_provider: FakeProvider,
    stranger: FakeProvider,
    vendor: model_sharing.Catalog,
    mounted: Mounting,
    cache: Cache,
    run_cli: RunCli,
) -> None:
    both = {"vendor": fake_provider, "other": stranger}
    mounted(stranger, "other")
    for name, each in both.items():
        each.publish(MODEL, 1, FILES, "Champion")
        model_sharing.pull(name)
    blob = cache.blob_path(digest_of(SECRET))
    blob.chmod(0o600)
    blob.write_bytes(SECRET[:-1] + b"!")
    assert run_cli("cache", "verify").returncode == CorruptArtifact.row.exit_code
    assert run_cli("cache", "verify", "--repair").returncode == 0
    for name, each in both.items():
        model_sharing.pull(name)
        assert len(each.file_requests()) <= len(FILES) + 1
    assert whole(cache) == {manifest_of(FILES).digest}
    assert list((cache.root / "delivered").glob("*/*"))
    assert len(prune(cache, PruningLimits(max_size=0)).removed) == 1
    assert not list((cache.root / "delivered").glob("*/*"))
    for name, each in both.items():
        each.requests.clear()
        model_sharing.pull(name)
        assert asked_for(each, SECRET)

"""Large files verified by block digests that their provider signed, which is nothing to anybody else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.maintenance.verifying import verify
from model_sharing.cache.store import Cache
from model_sharing.downloads import reuse_planner
from model_sharing.downloads.part_file import RANGE_BYTES, PartFile
from model_sharing_protocol.block_digests import BLOCK_BYTES, BlockDigestWriter
from model_sharing_protocol.chunk_maps import ChunkMapWriter, write_maps
from model_sharing_protocol.errors import CorruptArtifact, ServerUnreachable, UntrustedSignature
from model_sharing_protocol.manifest import ManifestFile
from support.fake_provider.faults import corrupt, cut_after
from support.fake_provider.models import SHARE, Files, digest_of
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.files import random_bytes
from support.shared_catalog import shared_catalog_of
from support.updated_model import MLMODEL, MODEL, fetched, forget

WEIGHTS = random_bytes(RANGE_BYTES + 3 * BLOCK_BYTES + 12_345)
OTHER = random_bytes(len(WEIGHTS), 2)
FILE = ManifestFile("model.bin", len(WEIGHTS), digest_of(WEIGHTS))
FILES = {"model.bin": WEIGHTS, "MLmodel": MLMODEL}


def blocks(content: bytes, sha256: str) -> bytes:
    """Maps that say that these are the blocks of the file with this sha256."""
    writer = BlockDigestWriter()
    writer.update(content)
    return write_maps([writer.finish(sha256)])


def honest(files: Files) -> bytes:
    return blocks(files["model.bin"], digest_of(files["model.bin"]))


MAP_BYTES = len(honest(FILES))


@pytest.fixture
def signing(fake_provider: FakeProvider) -> FakeProvider:
    """A provider that signs blocks of its version."""
    fake_provider.chunk_maps, fake_provider.signs_chunk_maps = honest, True
    fake_provider.publish(MODEL, 1, FILES)
    return fake_provider


@pytest.fixture
def liar() -> Iterator[FakeProvider]:
    """A provider that sends other bytes than its manifest says, and signs the blocks of those."""

    def send_other(handler: Handler, content: bytes, start: int, end: int) -> None:
        serve_well(handler, OTHER if content == WEIGHTS else content, start, end)

    with FakeProvider() as liar:
        liar.chunk_maps, liar.signs_chunk_maps = lambda files: blocks(OTHER, FILE.sha256), True
        liar.default_fault = send_other
        liar.publish(MODEL, 1, FILES)
        yield liar


def mounted(provider: FakeProvider, folder: Path, name: str) -> model_sharing.Catalog:
    profile = folder / f"{name}.share"
    profile.write_bytes(provider.profile())
    return model_sharing.mount(profile, share=SHARE, name=name)


@pytest.fixture
def deceived(liar: FakeProvider, tmp_path: Path) -> model_sharing.Catalog:
    """The liar's share, mounted."""
    return mounted(liar, tmp_path, "liar")


def whole(catalog: model_sharing.Catalog) -> Cache:
    """The cache as those see it who insist on the sha256 of a whole file: the cache server, mirrors."""
    shared = shared_catalog_of(catalog)
    return Cache(shared.cache.root, shared.mount.provider_fingerprint)


def test_a_large_file_is_verified_by_its_blocks_and_used_again(
    signing: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(part: PartFile) -> str:
        raise AssertionError("the whole was hashed")

    monkeypatch.setattr("model_sharing.downloads.large_files._hash_as_completed", never)
    monkeypatch.setattr("model_sharing.cache.sealing.hash_file", never)
    assert fetched(vendor, 1) == WEIGHTS
    assert signing.file_bytes_sent == len(WEIGHTS) + len(MLMODEL) + MAP_BYTES
    signing.publish(MODEL, 2, FILES | {"MLmodel": b"flavors: {} "})
    forget(signing)
    assert fetched(vendor, 1) == fetched(vendor, 2) == WEIGHTS
    assert signing.file_bytes_sent == len(MLMODEL)


def test_damaged_blocks_are_named_and_fetched_again_and_nothing_else(
    signing: FakeProvider, vendor: model_sharing.Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    damaged: list[int] = []

    def damage_some(handler: Handler, content: bytes, start: int, end: int) -> None:
        if content == WEIGHTS and len(damaged) < 2:
            damaged.append(start)
            corrupt(handler, content, start, end)
        else:
            serve_well(handler, content, start, end)

    signing.default_fault = damage_some
    with caplog.at_level(logging.WARNING, "model_sharing"):
        assert fetched(vendor, 1) == WEIGHTS
    assert signing.file_bytes_sent == len(WEIGHTS) + len(MLMODEL) + MAP_BYTES + 2 * BLOCK_BYTES
    said = [record.getMessage() for record in caplog.records]
    for start in damaged:
        assert any(f"'model.bin': the bytes {start} to " in each for each in said)


def test_what_is_damaged_again_and_again_is_refused(
    signing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    signing.default_fault = corrupt
    with pytest.raises(CorruptArtifact):
        fetched(vendor, 1)
    assert not whole(vendor).blob_path(FILE.sha256).exists()
    signing.default_fault = None
    assert fetched(vendor, 1) == WEIGHTS


@pytest.mark.parametrize("change", [b"?", bytes(100_000)], ids=["changed", "lost"])
def test_what_had_arrived_and_was_changed_or_lost_since_is_found(
    signing: FakeProvider, vendor: model_sharing.Catalog, change: bytes
) -> None:
    """After a power cut counters promise bytes that the disk never had."""

    def cut(handler: Handler, content: bytes, start: int, end: int) -> None:
        if content != WEIGHTS:
            serve_well(handler, content, start, end)
        else:
            cut_after(2 * BLOCK_BYTES + 100 if start % (3 * BLOCK_BYTES) == 0 else 0)(
                handler, content, start, end
            )

    signing.default_fault = cut
    with pytest.raises(ServerUnreachable):
        fetched(vendor, 1)
    part = shared_catalog_of(vendor).cache.part_path(FILE.sha256)
    with part.open("r+b") as file:
        file.seek(BLOCK_BYTES + 5)
        file.write(change)
    signing.default_fault = None
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert signing.file_bytes_sent < len(WEIGHTS)


def test_copied_chunks_are_checked_as_well(signing: FakeProvider, vendor: model_sharing.Catalog) -> None:
    """The chunk map says that a chunk is in the first version, which is not so."""
    after = WEIGHTS[: 4 * BLOCK_BYTES] + random_bytes(2 * BLOCK_BYTES, 5) + WEIGHTS[6 * BLOCK_BYTES :]

    def misleading(files: Files) -> bytes:
        content = files["model.bin"]
        listed, writer = ChunkMapWriter(), BlockDigestWriter()
        for start in range(0, len(WEIGHTS), 2 * BLOCK_BYTES):
            listed.add(min(2 * BLOCK_BYTES, len(WEIGHTS) - start), start.to_bytes(32))
        writer.update(content)
        return write_maps([listed.finish(digest_of(content)), writer.finish(digest_of(content))])

    signing.chunk_maps = misleading
    signing.publish(MODEL, 2, FILES | {"model.bin": after})
    assert fetched(vendor, 1) == WEIGHTS
    forget(signing)
    assert fetched(vendor, 2) == after
    assert 2 * BLOCK_BYTES < signing.file_bytes_sent < 3 * BLOCK_BYTES


@pytest.mark.parametrize("why", ["not signed", "other maps", "no library", "asked to verify"])
def test_without_a_signature_on_its_blocks_or_if_asked_to_a_file_is_hashed_as_a_whole(
    liar: FakeProvider, deceived: model_sharing.Catalog, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the liar's file is refused."""
    if why == "not signed":
        liar.signs_chunk_maps = False
    elif why == "other maps":
        changed = blocks(OTHER, FILE.sha256) + blocks(WEIGHTS, "00" * 32).partition(b"1\n")[2]
        url = f"{liar.origin}/files/{digest_of(changed)}?ticket=1"
        announced = {"url": url, "size": len(changed), "sha256": digest_of(changed)}
        find = liar.find_content
        monkeypatch.setattr(
            liar, "find_content", lambda digest: changed if digest == digest_of(changed) else find(digest)
        )

        def announce(lines: list[dict[str, dict[str, object]]]) -> list[dict[str, dict[str, object]]]:
            lines[1]["metaData"]["chunkMaps"] = announced
            return lines

        liar.edit_query = announce
    elif why == "no library":
        monkeypatch.setattr(reuse_planner, "is_available", lambda: False)
    with pytest.raises(CorruptArtifact):
        deceived.snapshot(f"{MODEL}/1", verify=why == "asked to verify")


def test_who_trusts_a_liar_has_what_the_liar_signed(deceived: model_sharing.Catalog) -> None:
    assert fetched(deceived, 1) == OTHER


def test_a_lie_is_none_of_the_users_of_another_provider(
    signing: FakeProvider,
    liar: FakeProvider,
    vendor: model_sharing.Catalog,
    deceived: model_sharing.Catalog,
) -> None:
    assert fetched(deceived, 1) == OTHER
    assert fetched(vendor, 1) == WEIGHTS
    assert any(FILE.sha256 in request.path for request in signing.file_requests())
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert not signing.file_requests()


def test_a_file_that_others_have_by_its_sha256_takes_no_lie_and_tells_nobody(
    signing: FakeProvider,
    liar: FakeProvider,
    vendor: model_sharing.Catalog,
    deceived: model_sharing.Catalog,
) -> None:
    """The liar is asked for the file once, as by those who do not have it."""
    signing.signs_chunk_maps = False
    assert fetched(vendor, 1) == WEIGHTS
    with pytest.raises(CorruptArtifact):
        fetched(deceived, 1)
    assert liar.file_bytes_sent <= len(WEIGHTS) + MAP_BYTES + len(MLMODEL)
    assert whole(vendor).has_blob(FILE, verify=True)
    assert not whole(deceived).has_blob(FILE)
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert not signing.file_requests()


def test_the_same_file_of_two_honest_providers_is_right_for_both(
    signing: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    with FakeProvider() as second:
        second.chunk_maps, second.signs_chunk_maps = honest, True
        second.publish(MODEL, 1, FILES)
        other = mounted(second, tmp_path, "other")
        for _ in range(2):
            assert fetched(vendor, 1) == fetched(other, 1) == WEIGHTS
        assert second.file_bytes_sent == len(WEIGHTS) + len(MLMODEL) + MAP_BYTES
        assert signing.file_bytes_sent == len(WEIGHTS) + len(MLMODEL) + MAP_BYTES


def test_two_that_say_the_same_of_other_bytes(
    signing: FakeProvider,
    vendor: model_sharing.Catalog,
    deceived: model_sharing.Catalog,
) -> None:
    """The honest one was first: its files are not what the liar's users get."""
    assert fetched(vendor, 1) == WEIGHTS
    with pytest.raises(CorruptArtifact):
        fetched(deceived, 1)
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert not signing.file_requests()


def test_verification_of_the_cache_leaves_what_is_right(
    signing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    vendor.release(vendor.snapshot(f"{MODEL}/1"))
    assert not verify(Cache(whole(vendor).root)).corrupt
    forget(signing)
    assert (vendor.snapshot(f"{MODEL}/1", verify=True).folder / "model.bin").read_bytes() == WEIGHTS
    assert fetched(vendor, 1) == WEIGHTS
    assert not signing.file_requests()


def test_verification_of_the_cache_finds_a_lie(deceived: model_sharing.Catalog) -> None:
    assert fetched(deceived, 1) == OTHER
    assert verify(Cache(whole(deceived).root)).corrupt == (FILE.sha256,)
    assert not whole(deceived).blob_path(FILE.sha256).exists()


def test_what_is_served_to_others_is_hashed_as_a_whole_first(
    signing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    vendor.release(vendor.snapshot(f"{MODEL}/1"))
    assert whole(vendor).has_blob(FILE)  # from here on it is right for everybody
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert not signing.file_requests()


def test_a_lie_is_not_served_to_others(deceived: model_sharing.Catalog) -> None:
    assert fetched(deceived, 1) == OTHER
    assert not whole(deceived).has_blob(FILE)


def test_a_downloaded_folder_of_a_liar_does_not_pass_verification(
    liar: FakeProvider, deceived: model_sharing.Catalog, tmp_path: Path
) -> None:
    deceived.download(f"{MODEL}/1", tmp_path / "out")
    with pytest.raises(UntrustedSignature):
        deceived.verify(f"{MODEL}/1", tmp_path / "out")


def test_a_file_that_was_changed_in_the_cache_is_noticed(
    signing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    snapshot = vendor.snapshot(f"{MODEL}/1")
    path = snapshot.folder / "model.bin"
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"?")
    forget(signing)
    assert fetched(vendor, 1) == WEIGHTS
    assert signing.file_requests()

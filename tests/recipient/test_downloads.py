"""Bytes arrive whole or not at all, through everything that goes wrong on the way."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import model_sharing
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.transport import bounds
from model_sharing_protocol.errors import (
    AlreadyExists,
    CorruptArtifact,
    DiskFull,
    NotASharingServer,
    NotFound,
    PermissionDenied,
    ServerUnreachable,
)
from support.fake_provider.faults import add_a_byte, answer_status, corrupt, cut_after, ignore_range
from support.fake_provider.models import manifest_of
from support.fake_provider.server import FakeProvider, Handler
from support.files import random_bytes, read_tree
from support.shared_catalog import shared_catalog_of

REF = "ml_team.iris_model/1"
LARGE = 3 * RANGE_BYTES + 12_345
SMALL_FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(70_000), "empty.txt": b""}


def test_a_download_lands_whole_and_the_next_one_transfers_nothing(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES, "Champion")
    vendor.download("ml_team.iris_model@champion", tmp_path / "one")
    assert read_tree(tmp_path / "one") == SMALL_FILES
    fetched = len(fake_provider.file_requests())
    fake_provider.requests.clear()
    version = vendor.download("vendor.ml_team.iris_model@Champion", tmp_path / "two")
    assert version.version == 1
    assert read_tree(tmp_path / "two") == SMALL_FILES
    assert fetched == 2  # the empty file needs no request
    (asked,) = [request.path.partition("?")[0] for request in fake_provider.requests]
    assert asked.endswith("/aliases/Champion")


def test_a_second_version_fetches_only_what_differs(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    fake_provider.publish(
        "ml_team.iris_model",
        2,
        SMALL_FILES | {"new.bin": random_bytes(1000, 2), "same.bin": random_bytes(70_000)},
    )
    vendor.snapshot(REF)
    fake_provider.requests.clear()
    snapshot = vendor.snapshot("ml_team.iris_model/2")
    assert len(fake_provider.file_requests()) == 1
    assert (snapshot.folder / "same.bin").read_bytes() == random_bytes(70_000)


def test_a_large_file_arrives_in_ranges(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(LARGE)})
    snapshot = vendor.snapshot(REF)
    assert (snapshot.folder / "model.bin").read_bytes() == random_bytes(LARGE)
    assert len(fake_provider.file_requests()) == 7  # of 7 MiB each, a connection for each
    assert fake_provider.file_bytes_sent == LARGE
    assert not list(shared_catalog_of(vendor).cache.blobs.glob("*.p*"))


def test_a_version_of_very_many_files(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    """The line with their signature has a megabyte; their content is the same, so that it is fetched once."""
    fake_provider.publish("ml_team.iris_model", 1, {f"folder{n % 50}/{n}.bin": b"same" for n in range(6000)})
    snapshot = vendor.snapshot(REF)
    assert sum(path.is_file() for path in snapshot.folder.rglob("*")) == 6000
    assert len(fake_provider.file_requests()) == 1


def test_file_requests_carry_no_credentials(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    vendor.snapshot(REF)
    assert fake_provider.file_requests()
    assert not any("Authorization" in request.headers for request in fake_provider.file_requests())


@pytest.mark.parametrize("size", [70_000, LARGE])
def test_broken_connections_go_on_from_the_last_byte(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "30s")
    vendor = model_sharing.catalog("vendor")
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(size)})
    fake_provider.faults = [cut_after(size // 10), cut_after(0), answer_status(503), cut_after(size // 10)]
    snapshot = vendor.snapshot(REF)
    assert (snapshot.folder / "model.bin").read_bytes() == random_bytes(size)
    assert fake_provider.file_bytes_sent == size


def test_a_server_that_always_hangs_up_is_given_up_on(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(70_000)})
    fake_provider.default_fault = cut_after(0)
    with pytest.raises(ServerUnreachable, match="broke off"):
        vendor.snapshot(REF)


def test_a_stalled_connection_is_left_and_tried_again(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "30s")
    vendor = model_sharing.catalog("vendor")
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 0.5)
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(70_000)})

    def stall(handler: Handler, data: bytes, start: int, end: int) -> None:
        handler.start_file(data, start, end)
        time.sleep(2)

    fake_provider.faults = [stall]
    assert (vendor.snapshot(REF).folder / "model.bin").read_bytes() == random_bytes(70_000)


@pytest.mark.parametrize("size", [70_000, LARGE])
def test_a_server_that_ignores_ranges_is_understood(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, size: int
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(size)})
    fake_provider.faults = [cut_after(1000)]
    fake_provider.default_fault = ignore_range
    assert (vendor.snapshot(REF).folder / "model.bin").read_bytes() == random_bytes(size)


@pytest.mark.parametrize("size", [70_000, LARGE])
def test_corruption_on_the_way_is_fetched_once_more(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, size: int
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(size)})
    fake_provider.faults = [corrupt]
    assert (vendor.snapshot(REF).folder / "model.bin").read_bytes() == random_bytes(size)


@pytest.mark.parametrize("size", [70_000, LARGE])
def test_lasting_corruption_is_named_and_leaves_nothing(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, size: int
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(size)})
    fake_provider.default_fault = corrupt
    with pytest.raises(CorruptArtifact, match=r"model\.bin"):
        vendor.snapshot(REF)
    assert not any(path.is_file() for path in shared_catalog_of(vendor).cache.blobs.iterdir())


def test_bytes_beyond_the_manifest_are_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(70_000)})
    fake_provider.default_fault = add_a_byte
    with pytest.raises(CorruptArtifact, match="70001 bytes"):
        vendor.snapshot(REF)


def test_expired_addresses_are_asked_for_again_once_for_all(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {f"{n}.bin": random_bytes(1000, n) for n in range(50)})
    fake_provider.refuse_tickets_below = 2
    vendor.snapshot(REF)
    assert fake_provider.tickets == 2


def test_fresh_addresses_may_take_longer_than_a_broken_line(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "0.1s")
    catalog = model_sharing.catalog("vendor")
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)

    def slowly(lines: list[dict[str, object]]) -> list[dict[str, object]]:
        if fake_provider.tickets > 1:
            time.sleep(0.3)
        return lines

    fake_provider.edit_query = slowly
    fake_provider.refuse_tickets_below = 2
    assert catalog.snapshot(REF).folder.is_dir()


def test_a_fresh_address_that_is_refused_is_a_denial(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    fake_provider.default_fault = answer_status(403)
    with pytest.raises(PermissionDenied):
        vendor.snapshot(REF)


def test_a_share_that_is_revoked_during_the_download_ends_it(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)

    def gone(handler: Handler) -> bool:
        handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "Gone.")
        return True

    def revoke(lines: list[dict[str, object]]) -> list[dict[str, object]]:
        fake_provider.refuse_tickets_below = 99
        fake_provider.answer = gone
        return lines

    fake_provider.edit_query = revoke
    with pytest.raises(NotFound, match="Gone"):
        vendor.snapshot(REF)


def test_no_packet_leaves_for_another_origin(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    with FakeProvider() as sink:
        for elsewhere in (
            sink.origin,
            "file:///etc",
            "http://169.254.169.254",
            f"http://u@{fake_provider.origin[7:]}",
        ):
            fake_provider.url_base = elsewhere
            with pytest.raises(NotASharingServer, match="only its own address"):
                vendor.snapshot(REF)
        assert sink.requests == []


def test_redirects_of_files_are_not_followed(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    with FakeProvider() as sink:
        fake_provider.default_fault = answer_status(302, Location=f"{sink.origin}/stolen")
        with pytest.raises(NotASharingServer):
            vendor.snapshot(REF)
        assert sink.requests == []


def test_a_destination_with_something_in_it_is_left_alone(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(AlreadyExists, match="Nothing was touched"):
        vendor.download(REF, tmp_path / "out")
    assert read_tree(tmp_path / "out") == {"mine.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    vendor.download(REF, tmp_path / "empty")
    assert read_tree(tmp_path / "empty") == SMALL_FILES


def test_what_was_downloaded_can_be_edited_without_harm_to_the_cache(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    vendor.download(REF, tmp_path / "out")
    (tmp_path / "out" / "MLmodel").write_text("edited")
    assert (vendor.snapshot(REF).folder / "MLmodel").read_bytes() == SMALL_FILES["MLmodel"]


class Huge(bytes):
    """Claims to be larger than any disk."""

    def __len__(self) -> int:
        return 1 << 60


def test_a_download_that_cannot_fit_is_not_begun(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": Huge(b"x")})
    with pytest.raises(DiskFull, match="Nothing was fetched"):
        vendor.snapshot(REF)
    assert not fake_provider.file_requests()


def test_downloads_from_many_threads_share_one_fetch(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    threads = [threading.Thread(target=vendor.snapshot, args=(REF,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake_provider.file_requests()) == 2


def test_a_manifest_that_is_not_the_one_its_digest_names_is_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, SMALL_FILES)
    fake_provider.publish("ml_team.iris_model", 2, {"other": b"2"})

    def drop_a_file(lines: list[dict[str, object]]) -> list[dict[str, object]]:
        return lines[:-1]

    fake_provider.edit_query = drop_a_file
    with pytest.raises(CorruptArtifact):
        vendor.snapshot(REF)

    def substitute(lines: list[dict[str, object]]) -> list[dict[str, object]]:
        lines[1]["metaData"]["digest"] = manifest_of({"other": b"2"}).digest  # type: ignore[index]
        return lines

    fake_provider.edit_query = substitute
    with pytest.raises(CorruptArtifact):
        vendor.snapshot(REF)
    assert not fake_provider.file_requests()


assert os.name == "posix", "kill -9 and RLIMIT_FSIZE are POSIX"

"""Answers that end too early, in each of the ways in which HTTP says how long an answer is."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

import model_sharing
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing.downloads.transfer.read_size import LARGEST_READ
from model_sharing_protocol.errors import CorruptArtifact, ServerUnreachable
from support.fake_provider.faults import answer_status
from support.fake_provider.server import FakeProvider, Fault, Handler
from support.files import random_bytes
from support.shared_catalog import shared_catalog_of

REF = "ml_team.iris_model/1"


def chunked(cut: int, *, ended: bool) -> Fault:
    """Without `cut` of the bytes; `ended` says, in order, that this was all."""

    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        begin(handler, data, start, end, "Transfer-Encoding", "chunked")
        sent = memoryview(data)[start : end - cut]
        handler.wfile.write(f"{len(sent):x}\r\n".encode())
        handler.send_bytes(sent)
        handler.wfile.write(b"\r\n0\r\n\r\n" if ended else b"")
        handler.close_connection = not ended

    return fault


def until_closed(cut: int) -> Fault:
    """The end of the connection is the end of the answer: nothing says that bytes are missing."""

    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        begin(handler, data, start, end, "Connection", "close")
        handler.send_bytes(memoryview(data)[start : end - cut])
        handler.close_connection = True

    return fault


def with_length(cut: int) -> Fault:
    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        begin(handler, data, start, end, "Content-Length", str(end - start))
        handler.send_bytes(memoryview(data)[start : end - cut])
        handler.close_connection = cut > 0

    return fault


def begin(handler: Handler, data: bytes, start: int, end: int, *framing: str) -> None:
    ranged = "Range" in handler.headers
    handler.send_response(206 if ranged else 200)
    handler.send_header(*framing)
    if ranged:
        handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
    handler.end_headers()


WAYS: dict[str, Callable[[int], Fault]] = {
    "Content-Length": with_length,
    "chunked": lambda cut: chunked(cut, ended=False),
    "chunked, ended in order": lambda cut: chunked(cut, ended=True),
    "until the connection ends": until_closed,
}


@pytest.mark.parametrize("size", [70_000, RANGE_BYTES + 70_000])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_its_end_is_no_whole_one(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, way: str, size: int
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(size)})
    for cut in (1, 10_000):
        fake_provider.faults.append(WAYS[way](cut))
    fake_provider.default_fault = WAYS[way](0)
    assert (vendor.snapshot(REF).folder / "model.bin").read_bytes() == random_bytes(size)
    # Of a chunked answer that breaks off, Python's client keeps back what fills its last buffer.
    assert fake_provider.file_bytes_sent <= size + 2 * LARGEST_READ


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_never_has_its_end_leaves_nothing_that_could_be_taken_for_the_file(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, way: str
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(70_000)})

    def all_but_the_last(handler: Handler, data: bytes, start: int, end: int) -> None:
        WAYS[way](1)(handler, data, start, end)

    fake_provider.default_fault = all_but_the_last
    with pytest.raises((ServerUnreachable, CorruptArtifact), match=r"model\.bin"):
        vendor.snapshot(REF)
    cache = shared_catalog_of(vendor).cache
    assert not [path for path in cache.blobs.iterdir() if path.suffix == ""]
    assert not list(cache.snapshots.iterdir())


def test_answers_that_were_given_up_leave_no_socket_open(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """Python warns of those that were not closed, which the suite takes for an error."""
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(100_000)})
    for fault in [until_closed(100_000), answer_status(503, Connection="close")] * 3:
        fake_provider.default_fault = fault
        with pytest.raises(ServerUnreachable):
            vendor.snapshot(REF)
    gc.collect()

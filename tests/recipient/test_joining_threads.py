"""Few threads fetch packs, and files over TLS, where the line is fast; where they wait, others join."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import model_sharing
from model_sharing.downloads.joining_threads import JoiningThreads, WorkMeter
from model_sharing.downloads.part_file import RANGE_BYTES, range_bytes
from model_sharing.settings import DEFAULT_JOBS
from model_sharing_protocol.block_digests import BlockDigestWriter
from model_sharing_protocol.chunk_maps import write_maps
from support.fake_provider.faults import pack_well
from support.fake_provider.models import SHARE, Files, digest_of
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.files import random_bytes
from support.network.certificates import self_signed_certificate
from support.patience import PATIENCE
from support.updated_model import MLMODEL, MODEL, fetched

WEIGHTS = random_bytes(RANGE_BYTES + 12_345)
FEW, MOST = 2, 8


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MOST) as workers:
        yield workers


class Busy(WorkMeter):
    """A meter of threads that work all the time; `enough` is told when it was looked at often enough."""

    def __init__(self, enough: Callable[[], None]) -> None:
        super().__init__()
        self._looks = itertools.count(1)
        self._enough = enough

    def take(self) -> float:
        if next(self._looks) == 2:
            self._enough()
        return float("inf")


def blocks(files: Files) -> bytes:
    """Maps of the blocks of the large file."""
    writer = BlockDigestWriter()
    writer.update(files["model.bin"])
    return write_maps([writer.finish(digest_of(files["model.bin"]))])


def test_threads_that_wait_are_joined_by_as_many_as_are_allowed(workers: ThreadPoolExecutor) -> None:
    all_are_there = threading.Barrier(MOST)

    def wait_for_all() -> None:
        all_are_there.wait(PATIENCE)

    threads = JoiningThreads(workers, wait_for_all, WorkMeter(), FEW, MOST)
    threads.wait()
    assert len(threads.futures) == MOST


def test_threads_that_work_are_left_alone(workers: ThreadPoolExecutor) -> None:
    over = threading.Event()
    threads = JoiningThreads(workers, lambda: assert_set(over), Busy(over.set), FEW, MOST)
    threads.wait()
    assert len(threads.futures) == FEW


def assert_set(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def test_what_one_fails_with_is_told_while_others_go_on(workers: ThreadPoolExecutor) -> None:
    over = threading.Event()
    turns = iter([OSError("the line is down"), *[None] * MOST])

    def fail_once() -> None:
        if (error := next(turns)) is not None:
            raise error
        assert_set(over)

    threads = JoiningThreads(workers, fail_once, WorkMeter(), FEW, MOST)
    with pytest.raises(OSError, match="the line is down"):
        threads.wait()
    over.set()


def test_others_are_waited_for_as_well(workers: ThreadPoolExecutor) -> None:
    copied: Future[None] = workers.submit(lambda: None)
    failed: Future[None] = Future()
    failed.set_exception(OSError("the disk is gone"))
    JoiningThreads(workers, lambda: None, WorkMeter(), 1, 1).wait(copied)
    with pytest.raises(OSError, match="the disk is gone"):
        JoiningThreads(workers, lambda: None, WorkMeter(), 1, 1).wait(failed)


def test_a_thread_is_counted_from_its_beginning_on() -> None:
    clock = iter([100.0, 100.5, 101.5])
    meter = WorkMeter(lambda: next(clock))
    meter.begin()
    meter.lap()
    assert meter.take() == 0.5
    meter.lap()
    assert meter.take() == 1.0
    assert meter.take() == 0.0


def test_a_provider_that_sends_no_pack_before_all_are_asked_for_is_asked_by_all(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    files = {f"{number}.bin": bytes([number]) * 100 for number in range(4 * DEFAULT_JOBS)}
    all_have_asked = threading.Barrier(DEFAULT_JOBS)

    def send_with_others(handler: Handler, contents: list[bytes]) -> None:
        all_have_asked.wait(PATIENCE)
        pack_well(handler, contents)

    fake_provider.packs = send_with_others
    fake_provider.publish(MODEL, 1, files)
    folder = vendor.snapshot(f"{MODEL}/1").folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_a_provider_that_sends_no_range_before_all_are_asked_for_is_asked_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = self_signed_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    ranges = -(-len(WEIGHTS) // range_bytes(len(WEIGHTS), DEFAULT_JOBS))
    assert ranges > FEW
    all_have_asked = threading.Barrier(ranges)

    def serve_all(handler: Handler, content: bytes, start: int, end: int) -> None:
        if content == WEIGHTS:
            all_have_asked.wait(PATIENCE)
        serve_well(handler, content, start, end)

    with FakeProvider(pem) as far:
        far.chunk_maps, far.signs_chunk_maps = blocks, True
        far.publish(MODEL, 1, {"model.bin": WEIGHTS, "MLmodel": MLMODEL})
        far.default_fault = serve_all
        profile = tmp_path / "far.share"
        profile.write_bytes(far.profile())
        assert fetched(model_sharing.mount(profile, share=SHARE, name="vendor"), 1) == WEIGHTS

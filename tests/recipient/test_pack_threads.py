"""Packs are fetched by one thread where the line is fast, and by more where they wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from model_sharing.downloads.pack_threads import PackThreads, Waiting
from model_sharing_protocol.errors import DiskFull
from model_sharing_protocol.manifest import ManifestFile

PACKS = [[ManifestFile(f"{number}.bin", 1, f"{number:064x}")] for number in range(20)]


class Turns(Executor):
    """Threads that take turns, so that one is done before the next begins."""

    def __init__(self) -> None:
        self.begun = 0
        self._waiting: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._waiting.append(fn)
        return Future()

    def run(self) -> None:
        while self._waiting:
            self.begun += 1
            self._waiting.pop(0)()


class Line:
    """A line on which each pack is waited for and worked on for so many seconds, by a clock of its own."""

    def __init__(self, *, waits: float, works: float) -> None:
        self.fetched: list[list[ManifestFile]] = []
        self._waits = waits
        self._works = works
        self._now = 0.0

    def clock(self) -> float:
        return self._now

    def fetch(self, pack: list[ManifestFile], waiting: Waiting) -> None:
        with waiting():
            self._now += self._waits
        self._now += self._works
        self.fetched.append(pack)

    def run(self, most: int = 8) -> int:
        """Fetch all packs; the number of threads that did."""
        turns = Turns()
        threads = PackThreads(PACKS, self.fetch, turns, most, clock=self.clock)
        threads.begin()
        turns.run()
        assert threads.done.result(0) is None
        assert self.fetched == PACKS
        return turns.begun


def test_one_thread_fetches_all_that_it_need_not_wait_for() -> None:
    assert Line(waits=0.01, works=0.02).run() == 1


def test_others_join_where_the_line_is_waited_for_longer() -> None:
    assert 1 < Line(waits=0.03, works=0.02).run() < 8
    assert Line(waits=0.2, works=0.01).run() == 8


def test_there_are_never_more_than_are_allowed() -> None:
    assert Line(waits=5, works=0).run(most=1) == 1
    assert Line(waits=5, works=0).run(most=3) == 3


def test_without_packs_there_is_nothing_to_do() -> None:
    turns = Turns()
    threads = PackThreads([], Line(waits=1, works=1).fetch, turns, 8)
    threads.begin()
    turns.run()
    assert turns.begun == 0
    assert threads.done.result(0) is None


def test_after_an_error_nothing_else_is_begun() -> None:
    asked = []

    def fetch(pack: list[ManifestFile], waiting: Waiting) -> None:
        asked.append(pack)
        if pack is PACKS[2]:
            raise DiskFull("The disk is full.")

    turns = Turns()
    threads = PackThreads(PACKS, fetch, turns, 8)
    threads.begin()
    turns.run()
    with pytest.raises(DiskFull):
        threads.done.result(0)
    assert asked == PACKS[:3]

"""Threads that fetch packs: as many as the line keeps waiting.

A thread that has the next bytes at hand is held up by nothing but the interpreter, which runs one thread at a
time: another one would take turns with it, and both would be slower. A thread that waits for bytes leaves the
interpreter to others. So one begins, and another one joins whenever a thread has waited longer than it
worked: on a line that is far, or that gives each connection its share.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

from model_sharing_protocol.manifest import ManifestFile

_WAITED_SECONDS = 0.05
"""For each further thread; a provider near by answers the first request sooner."""

Waiting: TypeAlias = Callable[[], AbstractContextManager[None]]


class PackThreads:
    """Threads of `workers`, at most so many, that `fetch` the packs; `done`, once all are, or with an error.

    `fetch` is to wait for the provider in blocks of what it is given. `clock` is in seconds.
    """

    def __init__(
        self,
        packs: Iterable[list[ManifestFile]],
        fetch: Callable[[list[ManifestFile], Waiting], None],
        workers: Executor,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done: Future[None] = Future()
        self._packs = deque(packs)
        self._unfinished = len(self._packs)
        self._fetch = fetch
        self._workers = workers
        self._more = most
        self._clock = clock
        self._lock = threading.Lock()
        if not self._packs:
            self.done.set_result(None)

    def begin(self) -> None:
        """Begin with one thread, or one more, unless all packs are taken."""
        with self._lock:
            if not self._packs or not self._more:
                return
            self._more -= 1
        self._workers.submit(self._run)

    def _run(self) -> None:
        waits = _Waits(self._clock, self.begin)
        try:
            while (pack := self._next()) is not None:
                self._fetch(pack, waits.waiting)
                self._finish()
        except BaseException as error:
            self._finish(error)

    def _next(self) -> list[ManifestFile] | None:
        with self._lock:
            return self._packs.popleft() if self._packs else None

    def _finish(self, error: BaseException | None = None) -> None:
        """Note that a pack is done or, for all of them, the first error; no other pack is begun after it."""
        with self._lock:
            self._unfinished -= 1
            if error is not None:
                self._packs.clear()
            if self.done.done():
                return
            if error is not None:
                self.done.set_exception(error)
            elif not self._unfinished:
                self.done.set_result(None)


class _Waits:
    """How much longer a thread has waited than worked; asks for `more` threads for it."""

    def __init__(self, clock: Callable[[], float], more: Callable[[], None]) -> None:
        self._clock = clock
        self._more = more
        self._last = clock()
        self._idle = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block's time as waiting, and the time before it as work."""
        began = self._clock()
        self._idle -= began - self._last
        try:
            yield
        finally:
            self._last = self._clock()
            self._idle += self._last - began
            while self._idle > _WAITED_SECONDS:
                self._idle -= _WAITED_SECONDS
                self._more()

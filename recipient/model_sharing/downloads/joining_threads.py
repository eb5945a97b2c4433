"""Joining threads: as many fetch as the line keeps waiting.

A thread that has the next bytes at hand is held up by nothing but the interpreter, which runs one thread at a
time: for each file of a pack, for each TLS record of 16 KiB. Others would take turns with it, and all would
be slower. A thread that waits for bytes leaves the interpreter to others. So a few begin, and as many again
join for as long as all together work too little to keep the interpreter busy: on a line that is far, that
gives each connection its share, or that has failed in silence.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait

_INTERVAL_SECONDS = 0.1
_BUSY = 0.75
"""Seconds of CPU a second, of all threads together: with more, others would only take turns."""


class WorkMeter:
    """CPU seconds that threads have worked, up to what each of them said last."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._local = threading.local()
        self._lock = threading.Lock()
        self._seconds = 0.0

    def begin(self) -> None:
        """Count what the calling thread does from now on."""
        self._local.last = self._clock()

    def lap(self) -> None:
        """Count what the calling thread did since it said so last."""
        now = self._clock()
        with self._lock:
            self._seconds += now - self._local.last
        self._local.last = now

    def take(self) -> float:
        """Seconds since this was called last."""
        with self._lock:
            seconds, self._seconds = self._seconds, 0.0
        return seconds


class JoiningThreads:
    """Threads of `workers` that run `fetch`, which ends when nothing is left: `few` at first, at most `most`.

    Each is to `begin` with the `meter`, and to say there how much it worked as bytes arrive.
    """

    def __init__(
        self, workers: Executor, fetch: Callable[[], None], meter: WorkMeter, few: int, most: int
    ) -> None:
        self.futures: list[Future[None]] = []
        self._workers = workers
        self._fetch = fetch
        self._meter = meter
        self._left = most
        self._begin(few)

    def _begin(self, count: int) -> None:
        for _ in range(min(count, self._left)):
            self._left -= 1
            self.futures.append(self._workers.submit(self._fetch))

    def wait(self, *others: Future[None]) -> None:
        """Wait for all of them, and for others. Raises at once what one fails with; the rest goes on."""
        began = time.monotonic()
        while True:
            interval = _INTERVAL_SECONDS if self._left else None
            done, running = wait([*self.futures, *others], interval, FIRST_EXCEPTION)
            for future in done:
                future.result()
            if not running:
                return
            now = time.monotonic()
            if self._meter.take() < (now - began) * _BUSY:
                self._begin(len(self.futures))
            began = now

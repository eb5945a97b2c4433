"""Rate limit: how many bytes a second the threads of one download receive together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_READS_A_SECOND = 8


class RateLimit:
    """Limit of `rate` bytes a second; `clock` is in seconds."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._paid_until = clock()

    @property
    def read_size(self) -> int:
        """Bytes to read at most before asking again, so that a slow line flows evenly."""
        return max(1, self._rate // _READS_A_SECOND)

    def delay(self, received: int) -> float:
        """Note that bytes were received; the seconds to wait before receiving more."""
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now) + received / self._rate
            return self._paid_until - now

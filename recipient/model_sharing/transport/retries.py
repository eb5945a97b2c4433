"""Retry policy: how long, and how often, an idempotent request that failed is sent again.

One for metadata and files. Waits grow exponentially, with jitter so that not all come back at once, unless
the server says itself when to; after MODEL_SHARING_RETRY_FOR seconds, what happened last is the answer.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable

from model_sharing_protocol.printable import printable

DEFAULT_SECONDS = 60.0
BRIEF_SECONDS = 5.0
"""For what is gone very soon or not at all, and where there is something else to go on with."""

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_WORTH_LOGGING_SECONDS = 1.0

_log = logging.getLogger("model_sharing")


class Retries:
    """Retry waits between the attempts of one request, for at most `total` seconds from now on."""

    def __init__(
        self,
        total: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._total = total
        self._clock = clock
        self._jitter = jitter
        self.reset()

    def reset(self) -> None:
        """Reset the waits: there was progress."""
        self._started = self._clock()
        self._failures = 0

    def next_wait(self, retry_after: float | None = None, *, brief: bool = False) -> float | None:
        """Seconds to wait before the next attempt; None if there is to be none.

        `retry_after` is what the server asked for: if there is not so much time left, it is not asked again.
        """
        elapsed = self._clock() - self._started
        self._failures += 1
        if self._total <= 0:
            return None
        if retry_after is not None and retry_after >= _FIRST_WAIT_SECONDS:
            fits = retry_after <= math.ceil(self._total - elapsed)  # in whole seconds, as servers tell theirs
            return retry_after + _FIRST_WAIT_SECONDS * self._jitter() if fits else None
        left = (min(self._total, BRIEF_SECONDS) if brief else self._total) - elapsed
        longest = min(_FIRST_WAIT_SECONDS * 2.0 ** min(self._failures - 1, 30), _LONGEST_WAIT_SECONDS)
        return min(longest * (0.5 + self._jitter() / 2), left) if left > 0 else None


class RetryNotices:
    """Retry notices for a person, once where several threads wait for the same."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet_until = -math.inf

    def log(self, reason: str, seconds: float) -> None:
        """Log a wait of a second or more, such as "… is busy (503); trying again in 10 s".

        Where nothing else was set up, Python shows a logged warning on standard error, above bars.
        """
        now = self._clock()
        with self._lock:
            if seconds < _WORTH_LOGGING_SECONDS or now < self._quiet_until:
                return
            self._quiet_until = now + seconds
        _log.warning("%s", printable(f"{reason}; trying again in {round(seconds)} s"))

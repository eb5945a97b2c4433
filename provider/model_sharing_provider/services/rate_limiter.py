"""Token buckets: a rate limit per minute and key, in bounded memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MINUTE = 60.0
_ROUNDING = 1e-6
_MOST_KEYS = 50_000


class RateLimiter:
    """Rate limiter with a bucket per key, refilled evenly within a minute. `per_minute` 0 means no limit.

    A bucket is stored as the time when it will be full again (the "generic cell rate algorithm"). Beyond
    `most_keys` the least recently used bucket is dropped, which makes it full again.
    """

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        most_keys: int = _MOST_KEYS,
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._most_keys = most_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the bucket of `key` is not empty; 0 if it is not empty now."""
        if not self.per_minute:
            return 0.0
        now = self._clock()
        missing = self._full_at.get(key, now) - now
        wait = missing + _MINUTE / self.per_minute - _MINUTE
        return wait if wait > _ROUNDING else 0.0

    def take(self, key: str) -> float:
        """Take one token; return 0, or the seconds to wait if the bucket is empty."""
        if not self.per_minute:
            return 0.0
        if wait := self.wait(key):
            return wait
        now = self._clock()
        self._full_at[key] = max(self._full_at.get(key, now), now) + _MINUTE / self.per_minute
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._most_keys:
            self._full_at.popitem(last=False)
        return 0.0

    def give_back(self, key: str) -> None:
        """Give back a token that was taken and not used."""
        if key in self._full_at:
            self._full_at[key] -= _MINUTE / self.per_minute

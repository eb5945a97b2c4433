"""Token buckets: how often something may happen in a minute, by key, in memory that has a bound."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_MINUTE = 60.0
_ROUNDING = 1e-6
_MOST_KEYS = 50_000


class RateLimiter:
    """A bucket for each key: it holds a minute's worth, and is refilled evenly. `per_minute` 0 is no limit.

    Of a bucket the moment is kept at which it will be full again (the "generic cell rate algorithm"). Beyond
    `most_keys` the one that was used longest ago is forgotten, and full again.
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
        """Seconds until the bucket of `key` has something in it; 0 if it has now."""
        if not self.per_minute:
            return 0.0
        now = self._clock()
        missing = self._full_at.get(key, now) - now
        wait = missing + _MINUTE / self.per_minute - _MINUTE
        return wait if wait > _ROUNDING else 0.0

    def take(self, key: str) -> float:
        """Take one out of the bucket, or nothing: then how many seconds to wait for."""
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

"""Bounds on responses, in one place: nothing that a provider sends holds a recipient for ever.

A transient error is retried, a bound that was reached is not: the next response would be no better. Sizes are
in bytes, times in seconds. Read them as `bounds.NAME` at each use, so that tests can set smaller ones.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from model_sharing_protocol.manifest import MAX_FILES

CONNECT_SECONDS = 10.0
HEAD_SECONDS = 60.0
"""From a request of the API to the end of its answer's headers, with whatever interim answers come before."""

WINDOW_SECONDS = 30.0
WINDOW_BYTES = 30 * 1024
"""A body brings so many bytes, or its end, in each window: 1 KiB a second, metadata and files alike.

For a file the first window begins with the request."""

FRAMING_BYTES = 2 * 1024 * 1024
FRAMING_BYTES_A_BYTE = 8
"""What may come around the body of a file's answer, however fast: headers, chunk sizes, trailers."""

ANSWER_SECONDS = 300.0
"""For a whole answer of the API; a file may take as long as it needs while it keeps to its windows."""
LISTING_SECONDS = 600.0
"""For all pages of one listing."""

MESSAGE_BYTES = 8 * 1024 * 1024
"""One message: a page, a model, a version, the keys."""
ERROR_BYTES = 64 * 1024
PROFILE_BYTES = 64 * 1024
LINE_BYTES = 64 * 1024 * 1024
"""The signature of a version's files is one line: hundreds of bytes a file."""
LINES = MAX_FILES + 1000
QUERY_BYTES = 256 * 1024 * 1024
"""All lines of a version query: a signed URL has up to 2 KiB, and a version up to 100,000 files."""
VALUES = 800_000
"""Of one message, or of all items of a listing: each takes 100 bytes of memory or more, however short."""

ITEM_VALUES = 20_000
"""Of one item of a listing, such as a model: one that has more is left out."""

LENIENT_VALUES = 200_000
"""Of a page that is no strict JSON; what is looked for is the item that is at fault."""

PAGES = 10_000
EMPTY_PAGES = 100
"""Pages without an item in a row, as a provider may send that filters what it has found."""
ITEMS = 100_000
LISTING_BYTES = 32 * 1024 * 1024
TOKEN_LENGTH = 8192
WARNINGS = 10
"""Items of one listing that are left out and named; the others are counted."""

SLOW_ANSWERS_WITHOUT_PROGRESS = 2
FAILURES_IN_ALL = 100
"""Of the transfer of one stretch of a file. A window's bytes are progress: the other counts start again."""


class TooSlow(TimeoutError):
    """Response slower than the minimum rate."""


class MinimumRate:
    """Minimum rate of one response: how much longer may be waited for its next bytes.

    Only time spent waiting for the other side counts. `connections` says how many answers share the line now:
    together they may be as slow as one alone.
    """

    def __init__(
        self, connections: Callable[[], int] = lambda: 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connections = connections
        self._clock = clock
        self._waited = 0.0
        self._arrived = 0

    def seconds_left(self) -> float:
        """Seconds left to wait for the next bytes; TooSlow if there are none."""
        left = WINDOW_SECONDS - self._waited
        if left <= 0:
            raise TooSlow
        return left

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block's time as waiting for the other side."""
        started = self._clock()
        try:
            yield
        finally:
            self._waited += self._clock() - started

    def add_bytes(self, count: int) -> None:
        """Note bytes of the body."""
        self._arrived += count
        if self._arrived >= WINDOW_BYTES / max(1, self._connections()):
            self._waited, self._arrived = 0.0, 0

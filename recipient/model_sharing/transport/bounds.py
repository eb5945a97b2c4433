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
HEADERS_SECONDS = 60.0
"""From a request of the API to the end of the response's headers, whatever interim responses come before."""

WINDOW_SECONDS = 30.0
WINDOW_BYTES = 30 * 1024
"""Minimum rate of a body, metadata and files alike: so many bytes, or its end, a window (1 KiB a second).

For a file the first window begins with the request."""

FRAMING_BYTES = 2 * 1024 * 1024
FRAMING_BYTES_A_BYTE = 8
"""Around the body of a file's response, however fast: headers, chunk sizes, trailers."""

RESPONSE_SECONDS = 300.0
"""Whole response of the API; a file may take as long as it needs while it keeps the minimum rate."""
LISTING_SECONDS = 600.0
"""All pages of one listing."""

SIGN_IN_SECONDS = 30.0
"""Whole answer of a token endpoint or a metadata service."""
SIGN_IN_BYTES = 64 * 1024

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
"""JSON values of one message, or of all items of a listing: each takes 100 bytes of memory or more."""

ITEM_VALUES = 20_000
"""JSON values of one item of a listing, such as a model: one that has more is left out."""

LENIENT_VALUES = 200_000
"""JSON values of a page that is not strict JSON, which is read to find the item at fault."""

PAGES = 10_000
EMPTY_PAGES = 100
"""Pages without an item in a row, as a provider may send that filters what it has found."""
ITEMS = 100_000
LISTING_BYTES = 32 * 1024 * 1024
TOKEN_LENGTH = 8192
WARNINGS = 10
"""Items of one listing that are left out with a warning each; the others are counted."""

SLOW_RESPONSES_WITHOUT_PROGRESS = 2
FAILURES_IN_ALL = 100
"""Failures of the transfer of one range of a file. A window's bytes are progress and reset other counts."""


class TooSlow(TimeoutError):
    """Response slower than the minimum rate."""


class MinimumRate:
    """Minimum rate of one response: how much longer may be waited for its next bytes.

    Only time spent waiting for the other side counts. `connections` says how many responses share the line:
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
            self.waited(self._clock() - started)

    def waited(self, seconds: float) -> None:
        """Count so many seconds as waiting for the other side."""
        self._waited += seconds

    def add_bytes(self, count: int) -> None:
        """Note bytes of the body."""
        self._arrived += count
        if self._arrived >= WINDOW_BYTES / max(1, self._connections()):
            self._waited, self._arrived = 0.0, 0

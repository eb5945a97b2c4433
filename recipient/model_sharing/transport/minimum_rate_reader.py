"""Minimum rate for responses of `http.client`: one that is too slow ends, in whatever part of it."""

from __future__ import annotations

import http.client
import io
import math
import socket
import time
from typing import Any

from model_sharing.transport import bounds

_NEARLY = 1.02
"""A timeout is set anew, by a call of the system, once it is wrong by so much."""


class MinimumRateReader(io.RawIOBase):
    """Reader of one response at a minimum rate: TimeoutError for silence, TooSlow for a drip.

    All that comes is read here, also what `http.client` reads by itself and without end: interim answers,
    headers, chunk extensions, trailers. None of it counts but what is `expected`, that is, asked for. If far
    more comes than `body_bytes`, those of the body so far, it raises HTTPException.
    """

    def __init__(self, sock: socket.socket, rate: bounds.MinimumRate) -> None:
        self._socket = sock
        self._open = sock.makefile("rb", buffering=0)  # keeps the socket open, and reads nothing
        self._rate = rate
        self._timeout = math.inf
        self._arrived = 0
        self.expected = 0
        self.body_bytes = 0

    def readable(self) -> bool:
        """True, as for any reader."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read into the buffer, within the time that is left."""
        # Over TLS this is called for every 16 KiB.
        left = self._rate.seconds_left()
        if not left <= self._timeout <= left * _NEARLY:
            self._timeout = left
            self._socket.settimeout(left)
        started = time.monotonic()
        try:
            count = self._socket.recv_into(buffer)
        except TimeoutError as error:
            if left > bounds.WINDOW_SECONDS / 2:
                raise  # silence, as when a line is down for a while
            raise bounds.TooSlow from error
        finally:
            self._rate.waited(time.monotonic() - started)
        self._arrived += count
        if self._arrived > bounds.FRAMING_BYTES + (1 + bounds.FRAMING_BYTES_A_BYTE) * self.body_bytes:
            raise http.client.HTTPException("there is more around the body than in it")
        counting = min(count, self.expected)
        self.expected -= counting
        self._rate.add_bytes(counting)
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self._open.close()
        super().close()


class MinimumRateSocket:
    """Socket stand-in, of which `http.client` makes a response."""

    def __init__(self, reader: MinimumRateReader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        """Buffered reader over the one with the minimum rate."""
        return io.BufferedReader(self._reader)

"""HTTP response whose body comes in pieces, each read by a thread while the event loop goes on."""

from __future__ import annotations

import http.client
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message

_PIECE_BYTES = 256 * 1024
_GATHER_SECONDS = 0.01
"""For how long what arrives is gathered into one piece: going to a thread costs more than reading it."""


class FinalResponse(http.client.HTTPResponse):
    """Response of `http.client` that reads past interim ones: not only 100, but 103 (Early Hints) as well."""

    def begin(self) -> None:
        """Read up to the end of the headers of the response that is not an interim one."""
        super().begin()
        while self.status < http.HTTPStatus.OK and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = self.msg = None  # type: ignore[assignment]  # or else nothing is read
            super().begin()


@dataclass(frozen=True, slots=True)
class Response:
    """Response of `origin`. `sent` are the headers of its request; the body is read once, by `read_some`."""

    origin: str
    status: int
    headers: Message
    sent: Mapping[str, str] = field(repr=False)
    read_some: Callable[[], Awaitable[bytes]] = field(repr=False)
    """Next bytes of the body, empty at its end. Raises OSError and HTTPException for one that breaks off."""


def read_piece(response: http.client.HTTPResponse) -> bytes:
    """Read the next bytes of the body, empty at its end. Blocks. Raises OSError and HTTPException."""
    pieces: list[bytes] = []
    left = _PIECE_BYTES
    until = time.monotonic() + _GATHER_SECONDS
    while left and not is_read(response):
        piece = response.read1(left)
        if not piece:
            if response.length:  # which `read1` takes for the end
                raise http.client.IncompleteRead(b"", response.length)
            break
        pieces.append(piece)
        left -= len(piece)
        if time.monotonic() > until:
            break
    return b"".join(pieces)


def is_read(response: http.client.HTTPResponse) -> bool:
    """True once the whole body was read."""
    return response.isclosed() or response.length == 0

"""A download in progress while what allowed it ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_PIECE = 64 * 1024


@dataclass
class SlowDownload:
    """Read a little at a time, over a connection of its own, so that little is buffered on the way."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: int

    @classmethod
    async def begin(cls, url: str) -> Self:
        """Return when the first bytes have come."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=_PIECE)
        asked = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        writer.write(asked.encode())
        return cls(reader, writer, len(await reader.read(_PIECE)))

    async def ends(self, *, within_seconds: float) -> int:
        """Read on until there is no more, be it cut or whole; how many bytes came, with the headers."""
        async with asyncio.timeout(within_seconds):
            try:
                while piece := await self.reader.read(_PIECE):
                    self.received += len(piece)
                    await asyncio.sleep(0.01)
            except ConnectionError:
                pass
        self.writer.close()
        return self.received

"""A TCP link between two regions: it adds latency, counts what crosses, and can be cut and restored.

    python examples/two_regions/link.py --to 8642 --listen 9000 --delay-ms 80

While it runs, type `traffic`, `cut` or `restore`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

_PIECE = 64 * 1024
# Pieces on their way in one direction: enough for 200 MB a second at 80 ms.
_ON_THE_WAY = 256
_REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) ([^ ?]+)\S* HTTP/1\.1\r\n")


@dataclass
class Traffic:
    """What crossed so far. Where it is plain HTTP: the number of requests, and bytes of answers, by path."""

    to_server: int = 0
    to_client: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    def since(self, earlier: Traffic) -> Traffic:
        """Difference from an earlier state."""
        return Traffic(
            self.to_server - earlier.to_server,
            self.to_client - earlier.to_client,
            self.requests - earlier.requests,
            self.answers - earlier.answers,
        )

    def artifact_bytes(self) -> int:
        """Bytes of files of models, with the headers before them: what signed URLs were answered with."""
        return sum(size for path, size in self.answers.items() if path.startswith("/artifacts/"))


class Link:
    """Link from a port of its own to the port `target` of this machine, in a thread of its own.

    `delay_ms` is what it adds to a round trip. Both may be changed. Use it as a context manager.
    """

    def __init__(self, target: int = 0, *, listen: int = 0, delay_ms: float = 0.0) -> None:
        self.target = target
        self.port = listen
        self.delay_ms = delay_ms
        self._is_cut = False
        self._traffic = Traffic()
        self._ends: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Address of a server behind it that speaks plain HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def traffic(self) -> Traffic:
        """What crossed so far, both ways."""
        now = self._traffic
        return Traffic(now.to_server, now.to_client, now.requests.copy(), now.answers.copy())

    def cut(self) -> None:
        """End all connections, and every new one at once, until the link is restored."""
        self._is_cut = True
        self._loop.call_soon_threadsafe(self._end_all)

    def restore(self) -> None:
        self._is_cut = False

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self._end_all()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*serving, return_exceptions=True)

    def _end_all(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        ends = {client}
        try:
            if not self._is_cut:
                answers, server = await asyncio.open_connection("127.0.0.1", self.target, limit=_PIECE)
                ends.add(server)
                self._ends |= ends
                counted = _Exchange(self._traffic)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._carry(reader, server, counted.asked))
                    both.create_task(self._carry(answers, client, counted.answered))
        except* OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.close()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[bytes], None]
    ) -> None:
        """Each piece arrives a delay after it was sent, however many are on their way."""
        pieces = asyncio.Queue[tuple[float, bytes]](_ON_THE_WAY)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._deliver(pieces, sink))
            piece = b"-"
            while piece:
                piece = await source.read(_PIECE)
                count(piece)
                await pieces.put((self._loop.time() + self.delay_ms / 2000, piece))

    async def _deliver(self, pieces: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            if not piece:
                sink.write_eof()  # the other direction may still have an answer to bring
                return
            sink.write(piece)
            await sink.drain()


class _Exchange:
    """Counter of one connection. An answer belongs to the request before it: ours are never pipelined."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._path = ""

    def asked(self, piece: bytes) -> None:
        self._traffic.to_server += len(piece)
        if request := _REQUEST.match(piece):
            self._path = request[1].decode(errors="replace")
            self._traffic.requests[self._path] += 1

    def answered(self, piece: bytes) -> None:
        self._traffic.to_client += len(piece)
        self._traffic.answers[self._path] += len(piece)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--to", type=int, required=True, help="the server's port")
    options.add_argument("--listen", type=int, default=0, help="the link's own port; default: a free one")
    options.add_argument("--delay-ms", type=float, default=80.0, help="added to a round trip; default: 80")
    chosen = options.parse_args()
    with (
        Link(chosen.to, listen=chosen.listen, delay_ms=chosen.delay_ms) as link,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print(f"{link.url} leads to port {chosen.to}", flush=True)
        for line in sys.stdin:
            match line.strip():
                case "cut":
                    link.cut()
                case "restore":
                    link.restore()
                case "traffic":
                    for path, requests in link.traffic.requests.most_common():
                        print(f"{requests:6} requests, {link.traffic.answers[path]:12,} bytes  {path}")
                    print(f"{link.traffic.to_client:,} bytes to the client", flush=True)
                case _:
                    print("type `traffic`, `cut` or `restore`", flush=True)


if __name__ == "__main__":
    main()

"""Stub HTTP server that stands for a cloud: it records requests, and answers as it was told."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """A request that came; its path with the query."""

    path: str
    authorization: str
    body: str


@dataclass
class StubCloud:
    """`answers` are statuses and bodies by path, `headers` go with each of them."""

    url: str
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def body(self, path: str) -> str:
        """Body sent to the first address that begins so."""
        return next(asked.body for asked in self.asked if asked.path.startswith(path))


@contextlib.contextmanager
def running_stub(tls: Path | None = None) -> Iterator[StubCloud]:
    """One on a port of its own; https by the key and certificate in the file `tls`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            cloud.asked.append(Asked(self.path, self.headers.get("Authorization", ""), body))
            status, text = cloud.answers[self.path.partition("?")[0]]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **cloud.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = answer  # noqa: N815 - as the class wants them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            scheme = "https"
        cloud = StubCloud(f"{scheme}://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield cloud
        finally:
            server.shutdown()
            thread.join()

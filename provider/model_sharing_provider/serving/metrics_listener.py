"""Metrics for Prometheus on a port of their own, since they name shares and recipients.

With several workers, the parent process serves the metrics of all, from files that they write.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from model_sharing_protocol.errors import InvalidParameter, PortInUse
from model_sharing_provider.bootstrap.startup import Announce
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.http.responses import COMMON_HEADERS

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Variable with the folder in which prometheus-client's processes store their values."""


@contextmanager
def served_metrics(settings: Settings, announce: Announce) -> Iterator[None]:
    """Serve metrics until the block ends, if a port is set. Raises PortInUse, InvalidParameter."""
    if settings.metrics_port is None:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="model-sharing-metrics-") as folder:
        registry = REGISTRY
        if settings.workers > 1:
            os.environ[_FOLDER] = folder
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        try:
            server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
        except OSError as error:
            where = f"{settings.metrics_host}:{settings.metrics_port}"
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(f"{where} is taken; choose another with --metrics-port.") from error
            raise InvalidParameter(f"Cannot listen on {where}: {error.strerror or error}.") from error
        server.RequestHandlerClass = _Handler
        server.set_app(_with_head(make_wsgi_app(registry)))
        announce(f"Metrics on http://{settings.metrics_host}:{server.server_port}/metrics")
        try:
            yield
        finally:
            os.environ.pop(_FOLDER, None)
            server.shutdown()
            server.server_close()
            thread.join()


def _with_head(app: Callable[..., Any]) -> Callable[..., Iterable[bytes]]:
    """Application that adds the headers of all our responses."""

    def headed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *COMMON_HEADERS.items()], *more)

        answer: Iterable[bytes] = app(environ, start)
        return answer

    return headed


class _Handler(WSGIRequestHandler):
    """Request handler that neither quotes nor logs malformed requests."""

    timeout = 10.0

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            super().handle()

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        if self.request_version == "HTTP/0.9":
            self.send_error(HTTPStatus.BAD_REQUEST)
        elif self.command not in ("GET", "OPTIONS"):
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            return True
        return False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        # Otherwise the response would have no headers.
        self.request_version = self.protocol_version
        body = f'{{"message": "{HTTPStatus(code).phrase}"}}'.encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", COMMON_HEADERS["X-Content-Type-Options"])
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return COMMON_HEADERS["Server"]

    def log_message(self, *_: object) -> None:
        """Log nothing, as prometheus-client's own server."""

    def get_stderr(self) -> io.StringIO:
        return io.StringIO()


def forget_worker(pid: int) -> None:
    """Remove an ended worker from the metrics of live processes."""
    if _FOLDER in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]

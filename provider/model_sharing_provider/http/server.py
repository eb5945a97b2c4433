"""HTTP server that never quotes a malformed request, in responses or in the log.

aiohttp itself quotes it in both, and it may hold a token that a proxy mangled.
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.web_protocol import RequestHandler

from model_sharing_protocol.errors import InternalError, MalformedRequest
from model_sharing_provider.http.bodies import BODY_ERRORS
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS, from_http
from model_sharing_provider.http.forwarded_headers import is_host
from model_sharing_provider.http.metrics import count_malformed
from model_sharing_provider.http.requests import REQUEST_ID
from model_sharing_provider.http.responses import COMMON_HEADERS
from model_sharing_provider.telemetry.log import log

_ONE_LINE_IN_SECONDS = 1.0


class Runner(web.AppRunner):
    """Runner of an application: `web.AppRunner` with our error handling, and no decompression of bodies."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if not _is_well_formed(request):
                raise web.HTTPBadRequest(reason="it is not valid HTTP/1.1")
            return await server.request_handler(request)

        # aiohttp would decompress a body, to a thousand times its size, before its encoding is checked.
        return _Server(handle, request_factory=server.request_factory, access_log=None, auto_decompress=False)


def _is_well_formed(request: web.BaseRequest) -> bool:
    """True for a head that is valid HTTP/1.1; aiohttp's two parsers accept others as well."""
    hosts = request.headers.getall(hdrs.HOST, ())
    known = request.version in (HttpVersion10, HttpVersion11)
    return known and request.raw_path.isascii() and all(is_host(host) for host in hosts)


class _Server(web.Server):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.malformed = MalformedRequests()

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class MalformedRequests:
    """Malformed requests: counted, and logged at most once a second, since they need no token."""

    def __init__(self) -> None:
        self._since_last_line = 0
        self._last_line = -_ONE_LINE_IN_SECONDS

    def add(self, address: str) -> None:
        count_malformed()
        self._since_last_line += 1
        now = time.monotonic()
        if now - self._last_line >= _ONE_LINE_IN_SECONDS:
            log.warning("malformed requests", number=self._since_last_line, address=address)
            self._since_last_line, self._last_line = 0, now


class _Connection(RequestHandler):
    __slots__ = ("_malformed",)

    def __init__(self, server: _Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._malformed = server.malformed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Response to a malformed request or to a failure outside all faces; closes the connection."""
        if status == MalformedRequest.row.open_sharing_status:
            self._malformed.add(request.remote or "")
            response = OPEN_SHARING_ERRORS.response(MalformedRequest("This is not an HTTP/1.1 request."))
        else:
            self.log_exception("failed outside of all faces", exc_info=exc)
            response = OPEN_SHARING_ERRORS.response(InternalError("internal error"))
        if request.writer.output_size > 0:
            raise ConnectionError("part of another response was already sent")
        response.headers.update(COMMON_HEADERS)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response; convert aiohttp's own errors (for an unknown `Expect`, say) to our error style."""
        if isinstance(resp, web.HTTPException):
            if REQUEST_ID not in request:
                self._malformed.add(request.remote or "")
            resp = OPEN_SHARING_ERRORS.response(from_http(resp, request.method))
            resp.headers.update(COMMON_HEADERS)
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log a failure of the server. A client that disconnects, or sends half a body, is not one."""
        if not isinstance(options.get("exc_info"), ConnectionError | BODY_ERRORS):
            super().log_exception(*args, **options)

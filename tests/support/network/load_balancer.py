"""Load balancer that sends each request to another server than the one before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@asynccontextmanager
async def load_balancer(urls: Sequence[str]) -> AsyncIterator[str]:
    """The URL of a balancer in front of these servers, whom it tells the host that it was asked for."""
    next_server = cycle(urls)

    async def pass_on(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        url = next(next_server) + request.raw_path
        async with session.request(
            request.method, URL(url, encoded=True), headers=headers, data=request.content
        ) as answer:
            kept = {n: v for n, v in answer.headers.items() if n.lower() not in _OF_ONE_CONNECTION}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", pass_on)
    async with (
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        TestServer(app) as server,
    ):
        yield str(server.make_url("/")).rstrip("/")

"""A token endpoint played by the test: it issues tokens, and misbehaves as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from model_sharing_protocol.profile_sign_in import ClientCredentials

CLIENT, SECRET = "globex", "s3cret-of-the-client"
Play = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class TokenEndpoint:
    """`answer` makes the answers; the forms and headers that arrived are in `forms` and `headers`."""

    url: str = ""
    answer: Play | None = None
    lifetime: object = 3600
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def credentials(self) -> ClientCredentials:
        return ClientCredentials(self.url, CLIENT, SECRET)

    def profile(self, endpoint: str) -> bytes:
        """Profile file of a recipient that signs in here."""
        fields = {"tokenEndpoint": self.url, "clientId": CLIENT, "clientSecret": SECRET, "scope": "read"}
        kind = {"shareCredentialsVersion": 2, "type": "oauth_client_credentials", "endpoint": endpoint}
        return json.dumps(kind | fields).encode()

    def token(self, number: int) -> str:
        """Access token of a number: they count from 1."""
        return f"access-token-{number}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        self.headers.append(dict(request.headers))
        self.asked.set()
        if self.answer is not None:
            return await self.answer(request)
        return issued(self.token(len(self.forms)), self.lifetime)


def issued(token: object, lifetime: object = 3600, **more: object) -> web.Response:
    """Answer with a token, as RFC 6749 has it."""
    fields: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
    return web.json_response(fields | more)


@asynccontextmanager
async def serving(handler: Play, path: str = "/token") -> AsyncIterator[str]:
    """URL of a server of one handler, in the running event loop."""
    application = web.Application()
    application.router.add_route("*", path, handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_tokens() -> AsyncIterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    async with serving(endpoint.handle) as url:
        endpoint.url = url
        yield endpoint

"""Requests to the MLflow tracking server behind this one, on behalf of an authenticated caller.

The tracking server never sees a token of this server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

from model_sharing_protocol.errors import InvalidState, ResourceExhausted, UnsupportedOperation
from model_sharing_protocol.network.request_options import request_options
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.requests import context_of, provider_of

MLFLOW_SESSION: web.AppKey[aiohttp.ClientSession] = web.AppKey("mlflow_session", aiohttp.ClientSession)

_PASSED_ON = (
    "Accept",
    "Content-Length",
    "Content-Type",
    "If-Unmodified-Since",
    "Range",
    "traceparent",
    "tracestate",
)
_MAX_ANSWER = 64 * 1024 * 1024


async def upstream_session(app: web.Application) -> AsyncIterator[None]:
    """Connections to the tracking server, for as long as the application runs."""
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300),
        # A cookie of one user must not be sent with the requests of another.
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
    )
    async with session:
        app[MLFLOW_SESSION] = session
        yield


async def read_answer(answer: aiohttp.ClientResponse) -> bytes:
    """Body of a response. Raises ResourceExhausted for one of more than 64 MiB."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > _MAX_ANSWER:
            raise ResourceExhausted(
                f"The tracking server's response is larger than {_MAX_ANSWER} bytes; ask for less."
            )
    return bytes(body)


async def admit(request: web.Request) -> str:
    """URI of the tracking server, for callers who may use it. Raises UnsupportedOperation without one."""
    tracking = provider_of(request).tracking
    await tracking.admit(context_of(request), f"{request.method} {request.path}")
    if not tracking.uri:
        raise UnsupportedOperation(
            "This server keeps models, not runs: set MODEL_SHARING_PROVIDER_TRACKING_URI to an MLflow "
            "tracking server to forward such calls to, or point mlflow.set_tracking_uri at one."
        )
    return tracking.uri


@asynccontextmanager
async def ask_upstream(
    request: web.Request, method: str, path: str, query: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Request `path` from the tracking server, on behalf of the caller of `request` and with its body.

    `path` is quoted. Raises what `admit` raises, and InvalidState if the tracking server does not answer, or
    answers with a redirect, which is neither followed nor passed on, or with a compressed body.
    """
    uri = await admit(request)
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    try:
        async with application_of(request)[MLFLOW_SESSION].request(
            method,
            URL(f"{uri}{path}", encoded=True),
            params=query if query is not None else request.query,
            **request_options(uri, headers),
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            if 300 <= answer.status < 400:
                raise InvalidState(
                    "The MLflow tracking server answered with a redirect; set "
                    "MODEL_SHARING_PROVIDER_TRACKING_URI to the address that it leads to."
                )
            if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise InvalidState(
                    "The MLflow tracking server compressed its response, which was not requested."
                )
            yield answer
    except (aiohttp.ClientError, TimeoutError) as error:
        raise InvalidState("The MLflow tracking server behind this one does not answer.") from error

"""Application of the cache server: its routes, behind guards, with all failures as answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from model_sharing.cache_server.error_responses import error_response, without_endpoints
from model_sharing.cache_server.file_fetches import Report
from model_sharing.cache_server.guards import Tokens, guard
from model_sharing.cache_server.handlers import Handlers
from model_sharing.cache_server.interim_responses import keep_waiting
from model_sharing.cache_server.mounted_catalogs import MountedCatalogs
from model_sharing.cache_server.silent_connections import SILENT_CONNECTIONS, SilentConnections
from model_sharing_protocol.errors import (
    InternalError,
    MalformedRequest,
    NotFound,
    PermissionDenied,
    SharingError,
    TooManyRequests,
    Unauthenticated,
)
from model_sharing_protocol.hugging_face import paths

MAX_REQUESTS = 256
"""Requests at the same time, most of which wait for files."""
_MAX_BODY_BYTES = 1024 * 1024
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Describe = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


def make_app(catalogs: MountedCatalogs, report: Report, tokens: Tokens | None = None) -> web.Application:
    """Make the application; `report` gets lines for people. With `tokens`, one of them is needed."""

    def tell(line: str) -> None:
        report(without_endpoints(line, catalogs.mounts()))

    handlers, silent = Handlers(catalogs, tell), SilentConnections()
    app = web.Application(
        middlewares=[
            silent.listen,
            _answer_failures(catalogs, tell),
            guard(tokens),
            _explain_refused_mounts,
        ],
        client_max_size=_MAX_BODY_BYTES,
    )
    app[SILENT_CONNECTIONS] = silent
    app.add_routes(_routes(handlers))
    app.on_response_prepare.append(_add_headers)
    app.on_shutdown.append(lambda _: handlers.close())
    return app


def _routes(handlers: Handlers) -> list[web.RouteDef]:
    described: dict[str, Describe] = {
        paths.MODELS: handlers.models,
        paths.MODEL: handlers.info,
        paths.REVISION: handlers.info,
        paths.TREE: handlers.tree,
        paths.FOLDER: handlers.tree,
        paths.REFS: handlers.refs,
        paths.AUTH_CHECK: handlers.check_access,
        paths.WHOAMI: handlers.whoami,
    }
    return [
        *(web.get(path, _patient(handler)) for path, handler in described.items()),
        web.post(paths.PATHS_INFO, _patient(handlers.paths_info)),
        web.get(paths.RESOLVE, handlers.file),
        web.get(paths.RAW, handlers.file),
        web.route("*", "/{path:.*}", _refuse),
    ]


def _patient(handler: Describe) -> Handler:
    """Handler whose client is kept waiting until the response is there."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await keep_waiting(request, handler(request))

    return handle


async def _refuse(request: web.Request) -> web.StreamResponse:
    if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
        raise NotFound(f"There is nothing at {request.path[:200]!r}; models are all that is served here.")
    raise PermissionDenied("This is a cache of what others share: nothing in it can be changed.")


def _answer_failures(catalogs: MountedCatalogs, report: Report) -> Middleware:
    """Middleware that answers failures, and requests beyond the number that is served at the same time."""
    served = 0

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal served
        served += 1
        try:
            if served > MAX_REQUESTS:
                raise TooManyRequests(f"More than {MAX_REQUESTS} requests wait for files here.")
            return await handler(request)
        except SharingError as error:
            return error_response(error, catalogs.mounts())
        except web.HTTPException as error:
            return error_response(MalformedRequest(f"The request was refused: {error.reason}."))
        except ConnectionError:
            raise
        except Exception as error:  # a bug: it is told here, and the client learns nothing of it
            report(f"internal error: {type(error).__name__}: {error}")
            return error_response(InternalError("The cache server failed; its own output says more."))
        finally:
            served -= 1

    return answer


@web.middleware
async def _explain_refused_mounts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware for which a mount's token that its provider refuses is not the client's own."""
    try:
        return await handler(request)
    except Unauthenticated as error:
        raise PermissionDenied(f"The provider refuses the mount's token: {error.message}") from error


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)

"""Router: the routes of a face, served by an aiohttp application."""

from __future__ import annotations

import re
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from model_sharing_provider.http.middlewares import serve_face
from model_sharing_provider.http.routes import Face, Route

_PARAMETER = re.compile(r"\{(\w+)\}")


def add_face(app: web.Application, face: Face) -> None:
    """Serve a face's routes, below its prefix or at the root.

    Everything below a prefix is the face's: paths that it does not have are refused after authentication, in
    its error style. At the root, a face has its routes alone.
    """
    serve = serve_face(face)
    if face.prefix:
        below = web.Application(middlewares=[serve])
        for route in face.routes:
            _add_route(below, route, route.handler)
        app.add_subapp(face.prefix, below)
    else:
        for route in face.routes:
            _add_route(app, route, partial(serve, handler=route.handler))


def _add_route(app: web.Application, route: Route, handler: Handler) -> None:
    # aiohttp's own pattern for a parameter leaves out braces, which names may have.
    path = _PARAMETER.sub(r"{\1:[^/]+}", route.path)
    if route.method == "GET":
        app.router.add_get(path, handler, allow_head=route.allow_head)
    else:
        app.router.add_route(route.method, path, handler)

"""Endpoints of this face: one for each share, and one for the metastore, with the same paths below."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from aiohttp import web

from model_sharing_provider.http.routes import Route
from model_sharing_provider.http.urls import base_url

PREFIX = "/hf"
_SHARE = "/{share:[^/.]+}"
_API = "api"
_CATALOG_AND_SCHEMA = r"[^/.]+\.[^/.]+"
_NAMESPACE, _OWN_NAMESPACE = "{namespace}", f"{{namespace:{_CATALOG_AND_SCHEMA}}}"


def of_both(*routes: Route) -> tuple[Route, ...]:
    """Routes of the endpoints of shares, and those of the metastore's."""
    of_shares = (replace(route, path=_SHARE + route.path) for route in routes)
    of_metastore = (replace(route, path=route.path.replace(_NAMESPACE, _OWN_NAMESPACE)) for route in routes)
    return (*of_shares, *of_metastore)


def is_of_share(request: web.Request) -> bool:
    """True for a request to a share's endpoint, even if it has no such path."""
    if request.match_info.http_exception is None:
        return "share" in request.match_info
    first = request.path.removeprefix(f"{PREFIX}/").partition("/")[0]
    return first != _API and not re.fullmatch(_CATALOG_AND_SCHEMA, first)


def endpoint_url(request: web.Request) -> str:
    """URL of the endpoint that a request came to, as its client reaches it, without a trailing slash."""
    share = request.match_info.get("share")
    return base_url(request) + PREFIX + (f"/{quote(share, safe='')}" if share else "")


def endpoint_path(request: web.Request) -> str:
    """Path of the endpoint that a request came to, as its client reaches it."""
    return urlsplit(endpoint_url(request)).path

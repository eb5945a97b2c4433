"""Requests of the Hub's API as its clients write them, and JSON responses."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiohttp import hdrs, web

from model_sharing.cache_server.commits import Commit
from model_sharing_protocol.errors import InvalidParameter, MalformedRequest
from model_sharing_protocol.hugging_face.headers import COMMIT
from model_sharing_protocol.hugging_face.messages import JSON, PathsRequest

_MAX_PATHS = 1000


def repository(request: web.Request) -> tuple[str, str]:
    """Namespace and name of the repository that a request is about."""
    return request.match_info["namespace"], request.match_info["name"]


def flag(query: Mapping[str, str], name: str) -> bool:
    """True if a parameter of the query is set, in any of the forms that clients write."""
    return query.get(name, "").lower() in ("true", "1")


def limit(query: Mapping[str, str]) -> int | None:
    """Number of results that a client asks for; None for all. Raises InvalidParameter."""
    text = query.get("limit")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidParameter(f"The limit {text[:100]!r} is not a number.")
    return int(text)


def url_of_page(request: web.Request, cursor: str) -> str:
    """URL of another page of a listing, as the client reaches it: over TLS, if a proxy says so."""
    url = request.url.update_query(cursor=cursor)
    over_tls = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return str(url.with_scheme("https") if over_tls else url)


async def paths_request(request: web.Request) -> PathsRequest:
    """Body of a request about several paths, as JSON or as a form. Raises MalformedRequest."""
    if request.content_type == "application/json":
        try:
            wanted = msgspec.json.decode(await request.read(), type=PathsRequest)
        except msgspec.MsgspecError as error:
            raise MalformedRequest(f"The body is not a request about paths: {error}.") from error
    else:
        form = await request.post()
        expand = str(form.get("expand", "")).lower() == "true"
        wanted = PathsRequest(tuple(str(path) for path in form.getall("paths", ())), expand)
    if len(wanted.paths) > _MAX_PATHS:
        raise InvalidParameter(f"{len(wanted.paths)} paths are too many; ask for at most {_MAX_PATHS}.")
    return wanted


def json_response(value: object, commit: Commit | None = None, **headers: str) -> web.Response:
    """Response with a message, and the commit that it is about."""
    about = {COMMIT: commit.id} if commit else {}
    return web.Response(
        body=msgspec.json.encode(value), headers={hdrs.CONTENT_TYPE: JSON, **about, **headers}
    )

"""Requests of recipients: names in paths, paging, and the query parameters of a page."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.names import SharedName, normalize_name
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.http.parameter_schemas import BOOLEAN, PAGE_SIZE, TEXT
from model_sharing_provider.http.requests import flag
from model_sharing_provider.http.routes import Query

PAGE = (Query("maxResults", PAGE_SIZE), Query("pageToken", TEXT))
INCLUDE_RECALLED = (Query("includeRecalled", BOOLEAN),)
"""EXTENSION: parameter of a client that knows of recalls, to get a recalled version too."""

MODEL = "/shares/{share}/schemas/{schema}/models/{model}"
VERSION = MODEL + "/versions/{version}"
ALIAS = MODEL + "/aliases/{alias}"


def page_request(request: web.Request, listing: str) -> PageRequest:
    """Page of a listing that a recipient asks for."""
    return PageRequest.parse(listing, request.query.get("maxResults"), request.query.get("pageToken"))


def include_recalled(request: web.Request) -> bool:
    """True if the client asks for recalled versions, too."""
    return flag(request, "includeRecalled")


def share_name(request: web.Request) -> str:
    """Share in the path."""
    return normalize_name("share", request.match_info["share"])


def model_name(request: web.Request) -> SharedName:
    """Model in the path, as the share names it."""
    schema = normalize_name("schema", request.match_info["schema"])
    return SharedName(schema, normalize_name("model", request.match_info["model"]))

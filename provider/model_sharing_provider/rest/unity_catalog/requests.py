"""What this face's handlers share: its context, its paging, its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.names import FullName
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.unity_catalog import JSON, ModelAlias
from model_sharing_provider.rest.requests import context_of, json_answer
from model_sharing_provider.services.context import Context

FACE = "unity-catalog"
T = TypeVar("T")


def context(request: web.Request) -> Context:
    return context_of(request, FACE)


def answer(body: msgspec.Struct | dict[str, Any]) -> web.Response:
    return json_answer(body, JSON)


def page_request(request: web.Request, listing: str) -> PageRequest:
    """`max_results=0` asks for the server's own page size, as the SDKs do."""
    size = request.query.get("max_results")
    return PageRequest.parse(listing, None if size == "0" else size, request.query.get("page_token"))


def answer_page(key: str, listing: str, page: Page[T], info: Callable[[T], msgspec.Struct]) -> web.Response:
    """`{key: [...], "next_page_token": ...}`; the token is missing at the end."""
    body: dict[str, Any] = {key: [info(item) for item in page.items]}
    if token := page.token(listing):
        body["next_page_token"] = token
    return answer(body)


def model_name(request: web.Request) -> FullName:
    return FullName.parse(request.match_info["full_name"])


def aliases(found: Iterable[tuple[str, int]]) -> tuple[ModelAlias, ...]:
    return tuple(ModelAlias(alias_name=alias, version_num=version) for alias, version in found)

"""What this face's handlers share: its context, its paging, its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import UnsupportedOperation
from model_sharing_protocol.names import FullName, normalize_name, parse_version
from model_sharing_protocol.pages import Page
from model_sharing_protocol.unity_catalog import JSON, ModelAlias, Tag
from model_sharing_provider.rest.requests import context_of, json_answer
from model_sharing_provider.services.context import Context

FACE = "unity-catalog"
T = TypeVar("T")


def context(request: web.Request) -> Context:
    return context_of(request, FACE)


def answer(body: msgspec.Struct | dict[str, Any], headers: dict[str, str] | None = None) -> web.Response:
    return json_answer(body, JSON, headers=headers)


def answer_page(key: str, listing: str, page: Page[T], info: Callable[[T], msgspec.Struct]) -> web.Response:
    """`{key: [...], "next_page_token": ...}`; the token is missing at the end."""
    body: dict[str, Any] = {key: [info(item) for item in page.items]}
    if token := page.token(listing):
        body["next_page_token"] = token
    return answer(body)


def model_name(request: web.Request) -> FullName:
    return FullName.parse(request.match_info["full_name"])


def name_of(catalog: str, schema: str, model: str) -> FullName:
    """A full name that came in three parts."""
    return FullName(
        normalize_name("catalog", catalog), normalize_name("schema", schema), normalize_name("model", model)
    )


def version_number(request: web.Request) -> int:
    return parse_version(request.match_info["version"])


def forced(request: web.Request) -> bool:
    return request.query.get("force", "").lower() == "true"


def no_storage_of_its_own(location: str | None) -> None:
    """The artifacts of all securables lie below the provider's one artifact root."""
    if location:
        raise UnsupportedOperation(
            f"A storage location cannot be chosen here ({location!r}); leave it out: "
            "files are kept below the provider's artifact root."
        )


def aliases(found: Iterable[tuple[str, int]]) -> tuple[ModelAlias, ...]:
    return tuple(ModelAlias(alias_name=alias, version_num=version) for alias, version in found)


def tags(found: Mapping[str, str]) -> tuple[Tag, ...]:
    return tuple(Tag(key, value) for key, value in found.items())

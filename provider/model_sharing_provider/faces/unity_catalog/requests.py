"""Requests and responses of Unity Catalog: names in paths, pages, tags and aliases, refused parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, UnsupportedOperation
from model_sharing_protocol.names import FullName, normalize_name, parse_version
from model_sharing_protocol.pages import Page, page_of
from model_sharing_protocol.unity_catalog import JSON, GivenAlias, ModelAlias, Tag, UpdateSecurable
from model_sharing_provider.http.requests import page_request
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.services.registry.updates import SecurableUpdate

T = TypeVar("T")


def message_response(
    body: msgspec.Struct | dict[str, Any], headers: dict[str, str] | None = None
) -> web.Response:
    """JSON response with a message, or with an empty object."""
    return json_response(body, JSON, headers=headers)


def page_response(key: str, listing: str, page: Page[T], info: Callable[[T], msgspec.Struct]) -> web.Response:
    """Page of a listing: `{key: [...], "next_page_token": ...}`, without the token at its end."""
    body: dict[str, Any] = {key: [info(item) for item in page.items]}
    if token := page.token(listing):
        body["next_page_token"] = token
    return message_response(body)


def model_name(request: web.Request) -> FullName:
    """Full name of the model in the path."""
    return FullName.parse(request.match_info["full_name"])


def full_name_of(catalog: str, schema: str, model: str) -> FullName:
    """Full name of a model, from its three parts."""
    return FullName(
        normalize_name("catalog", catalog), normalize_name("schema", schema), normalize_name("model", model)
    )


def version_number(request: web.Request) -> int:
    """Version in the path."""
    return parse_version(request.match_info["version"])


def refuse_storage_location(location: str | None) -> None:
    """Raise UnsupportedOperation for a storage location: all files lie below the provider's artifact root."""
    if location:
        raise UnsupportedOperation(
            f"The storage location {location!r} cannot be chosen here; leave it out. "
            "Files are kept below the provider's artifact root."
        )


def aliases(found: Iterable[tuple[str, int]]) -> tuple[ModelAlias, ...]:
    """Aliases as messages."""
    return tuple(ModelAlias(alias_name=alias, version_num=version) for alias, version in found)


def securable_update(body: UpdateSecurable) -> SecurableUpdate:
    """Update of a catalog or schema that a message asks for."""
    return SecurableUpdate(
        new_name=body.new_name, comment=body.comment, properties=body.properties, owner=body.owner
    )


def check_unchanged(given: msgspec.Struct, known: msgspec.Struct, *fields: str) -> None:
    """Raise InvalidParameter for a field that cannot be changed and is sent with another value."""
    for field in fields:
        value = getattr(given, field)
        if value is not None and value != getattr(known, field):
            raise InvalidParameter(f"{field} cannot be changed; leave it out.")


def page_or_all(
    request: web.Request, listing: str, items: Iterable[T], key_of: Callable[[T], str]
) -> tuple[tuple[T, ...], str]:
    """Items of a short listing, and the token of the next page: all items, unless a page is requested."""
    if not any(request.query.get(word) for word in ("max_results", "page_size", "page_token")):
        return tuple(items), ""
    page = page_of(items, page_request(request, listing), key_of)
    return tuple(page.items), page.token(listing) or ""


def refuse_query(request: web.Request, *names: str) -> None:
    """Raise UnsupportedOperation for parameters of Unity Catalog that this server does not support."""
    for name in names:
        if request.query.get(name):
            raise UnsupportedOperation(f"The parameter {name} is not supported here; leave it out.")


def given_aliases(given: Sequence[GivenAlias] | None, model: FullName) -> dict[str, int]:
    """Aliases that an update sets. Raises InvalidParameter for an alias of another model, or a duplicate."""
    if given is None:
        return {}
    if not given:
        raise InvalidParameter(
            "An update sets the aliases that it lists, and it lists none; delete aliases by their own route."
        )
    named = {}
    for alias in given:
        place = (alias.catalog_name, alias.schema_name, alias.model_name)
        parts = zip(place, (model.catalog, model.schema, model.name), strict=True)
        if any(part is not None and part.lower() != own for part, own in parts):
            raise InvalidParameter(
                f"The alias {alias.alias_name!r} is given for another model than '{model}'."
            )
        named[alias.alias_name] = alias.version_num
    if len({name.lower() for name in named}) < len(given):
        raise InvalidParameter("An alias is given twice; give each once.")
    return named


def tags(found: Mapping[str, str]) -> tuple[Tag, ...]:
    """Tags as messages."""
    return tuple(Tag(key, value) for key, value in found.items())

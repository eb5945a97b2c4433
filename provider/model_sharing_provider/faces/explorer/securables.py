"""Catalogs, schemas and models, as pages that are the same for all three find them in their URL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from model_sharing_protocol.names import FullName, SchemaName, normalize_name
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.http.routes import Route
from model_sharing_provider.http.urls import EXPLORER_PREFIX

_PATHS = {
    "catalogs": "/catalogs/{catalog}",
    "schemas": "/schemas/{full_name}",
    "models": "/models/{full_name}",
}


@dataclass(frozen=True, slots=True)
class SecurablePlace:
    """Catalog, schema or model that a page is about; `section` is the beginning of its path."""

    section: str
    kind: SecurableType
    name: str


def place_of(request: web.Request) -> SecurablePlace:
    """Place of a page. Raises InvalidParameter for a name that is none of its kind."""
    section = request.path.removeprefix(EXPLORER_PREFIX).strip("/").partition("/")[0]
    if section == "catalogs":
        name = normalize_name("catalog", request.match_info["catalog"])
        return SecurablePlace(section, SecurableType.CATALOG, name)
    text = request.match_info["full_name"]
    if section == "schemas":
        return SecurablePlace(section, SecurableType.SCHEMA, str(SchemaName.parse(text)))
    return SecurablePlace(section, SecurableType.MODEL, str(FullName.parse(text)))


def pages_of_each(below: str, show: Handler) -> Iterable[Route]:
    """Routes of the same page below a catalog, a schema and a model."""
    return (page(path + below, show) for path in _PATHS.values())


def forms_of_each(below: str, change: Handler) -> Iterable[Route]:
    """Routes of the same form for a catalog, a schema and a model."""
    return (form(path + below, change) for path in _PATHS.values())

"""What the tables of routes are made of: one row a route, and what every route of a face has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from model_sharing_protocol import open_sharing, unity_catalog
from model_sharing_protocol.errors import ErrorRow, SharingError
from model_sharing_protocol.names import MAX_NAME_LENGTH, MAX_VERSION

Schema = Mapping[str, Any]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An answer `{key: [...], "next_page_token": ...}`, as Unity Catalog pages."""

    key: str
    item: Any


@dataclass(frozen=True, slots=True)
class Media:
    """An answer or body that is not JSON; `line` is the message on each line of NDJSON."""

    type: str
    line: Any = None


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter in the query string."""

    name: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One route: `path` as aiohttp has it, whole, and `written` as OpenAPI can write it where that differs.

    `answer` and `body` are message types, or say that they are something else; None is no body at all.
    `errors` are those that this route adds to the ones of its face, and `places` the schemas of path
    parameters that mean something else here than on most routes. A `public` route asks for no token.
    """

    method: str
    path: str
    summary: str
    answer: Any
    body: Any = None
    query: tuple[Query, ...] = ()
    errors: tuple[type[SharingError], ...] = ()
    statuses: tuple[int, ...] = (200,)
    places: Mapping[str, Schema] = field(default_factory=dict)
    public: bool = False
    body_required: bool = True
    written: str = ""


@dataclass(frozen=True, slots=True)
class Errors:
    """How a family of faces words its errors."""

    message: type[msgspec.Struct]
    code_field: str
    look: Callable[[ErrorRow], tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Face:
    """A table of routes with what it is about; `json` is the media type of its JSON answers."""

    title: str
    about: str
    json: str
    errors: Errors
    routes: tuple[Route, ...]


OPEN_SHARING_ERRORS = Errors(
    open_sharing.ErrorAnswer, "errorCode", lambda row: (row.open_sharing_status, row.open_sharing_code)
)
UNITY_CATALOG_ERRORS = Errors(
    unity_catalog.ErrorAnswer, "error_code", lambda row: (row.unity_catalog_status, row.unity_catalog_code)
)

NOT_MODIFIED = 304

_PART = r"[^./\s\x00-\x1f\x7f]+"
TEXT: Schema = {"type": "string"}
ANYTHING: Schema = {"type": "string", "minLength": 1}
YES_OR_NO: Schema = {"type": "boolean"}
NAME: Schema = {"type": "string", "maxLength": MAX_NAME_LENGTH, "pattern": f"^{_PART}$"}
SCHEMA_NAME: Schema = {"type": "string", "pattern": rf"^{_PART}\.{_PART}$"}
MODEL_NAME: Schema = {"type": "string", "pattern": rf"^{_PART}\.{_PART}\.{_PART}$"}
VERSION: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_VERSION}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
UUID: Schema = {"type": "string", "format": "uuid"}
PAGE_SIZE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
SIGNED = (
    Query("grant", TEXT, required=True),
    Query("token", TEXT, required=True),
    Query("revision", {"type": "integer"}, required=True),
    Query("expires", {"type": "integer"}, required=True),
    Query("key", TEXT, required=True),
    Query("signature", TEXT, required=True),
)
"""What the server writes into the URLs that it signs."""

PLACES: Mapping[str, Schema] = {
    "catalog": NAME,
    "share": NAME,
    "schema": NAME,
    "model": NAME,
    "table": NAME,
    "name": NAME,
    "alias": NAME,
    "full_name": MODEL_NAME,
    "version": VERSION,
    "sha256": DIGEST,
    "path": ANYTHING,
    "artifact": ANYTHING,
}
"""What path parameters mean unless a route says otherwise."""

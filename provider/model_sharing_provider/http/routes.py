"""Routes and faces as data, from which the server, OpenAPI, metrics and the audit log are derived.

A face declares its routes beside its handlers:

    Route("GET", "/shares/{share}", get_share, "A share", wire.ShareAnswer)

`router` serves them and `openapi` describes them. There is no other list of routes: a route is described
where it is declared, or declared as undocumented, with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from model_sharing_protocol.errors import SharingError
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.http.errors import ErrorStyle

Schema = Mapping[str, Any]
"""JSON schema of a parameter."""

Authenticate = Callable[[web.Request], Awaitable[Principal]]
ErrorPage = Callable[[web.Request, SharingError], web.Response]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Empty object."""


@dataclass(frozen=True, slots=True)
class PageOf:
    """Page of a listing, as Unity Catalog has them: `{key: [...], "next_page_token": ...}`."""

    key: str
    item: Any


@dataclass(frozen=True, slots=True)
class Media:
    """Body that is not JSON; `line` is the message on each line of NDJSON."""

    type: str
    line: Any = None


@dataclass(frozen=True, slots=True)
class Query:
    """Parameter in the query string."""

    name: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Route of a face, with its description for OpenAPI.

    Raises ValueError for a route that is neither described nor marked as undocumented.

    Attributes:
        path: path in aiohttp's syntax, relative to the face's prefix.
        response, body: message types, `PageOf` or `Media`; None if there is no body.
        errors: errors of this route besides those of every route.
        parameters: schemas of path parameters that differ from those of the face.
        documented_paths: replace `path` in OpenAPI, which has no syntax for a parameter of several segments.
        undocumented: reason why OpenAPI leaves the route out.
        repeatable: the same answer may be given again while nothing has changed. Its handler makes a single
            audited read, and looks at nothing of a request but what `http.kept_answers` keeps an answer by.
    """

    method: str
    path: str
    handler: Handler
    summary: str = ""
    response: Any = None
    body: Any = None
    query: tuple[Query, ...] = ()
    errors: tuple[type[SharingError], ...] = ()
    statuses: tuple[int, ...] = (200,)
    parameters: Mapping[str, Schema] = field(default_factory=dict)
    body_required: bool = True
    allow_head: bool = True
    documented_paths: tuple[str, ...] = ()
    undocumented: str = ""
    repeatable: bool = False

    def __post_init__(self) -> None:
        if bool(self.summary) == bool(self.undocumented):
            raise ValueError(f"{self.method} {self.path} needs a summary, or a reason to be undocumented")

    @property
    def template(self) -> str:
        """Path with its parameters' names alone: `/files/{path}` for `/files/{path:.*}`."""
        return web.DynamicResource(self.path).canonical if "{" in self.path else self.path


@dataclass(frozen=True, slots=True)
class Face:
    """API for one family of clients: its routes, authentication and error style.

    Raises ValueError for a face whose described routes would be in no OpenAPI document, or in two.

    Attributes:
        name: name in metrics and in the audit log.
        authentication: None where requests need no token, since the answer is public or the URL secret.
        parameters: schemas of path parameters.
        title, description: head of the face's OpenAPI document.
        documented_in: name of another face, in whose document this one is described.
        error_page: response for an error where people are to read it, instead of that of `errors`.
        probes: successful requests are logged at debug level; load balancers send one every few seconds.
    """

    name: str
    prefix: str
    authentication: Authenticate | None
    errors: ErrorStyle
    routes: tuple[Route, ...]
    parameters: Mapping[str, Schema] = field(default_factory=dict)
    title: str = ""
    description: str = ""
    documented_in: str = ""
    error_page: ErrorPage | None = None
    probes: bool = False

    def __post_init__(self) -> None:
        described = any(route.summary for route in self.routes)
        if described != (bool(self.title) != bool(self.documented_in)):
            raise ValueError(
                f"the face {self.name} needs one document for its routes: a title or documented_in"
            )

    def path(self, route: Route) -> str:
        """Full path template of a route of this face: `/delta-sharing/shares/{share}`."""
        return self.prefix + route.template

    def documented_paths(self, route: Route) -> tuple[str, ...]:
        """Full paths of a route in its OpenAPI document."""
        return tuple(self.prefix + path for path in route.documented_paths or (route.template,))


FACE: web.RequestKey[Face] = web.RequestKey("face", Face)
"""Face that serves a request; absent if no face has the path."""

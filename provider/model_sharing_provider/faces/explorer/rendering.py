"""Rendering: pages from templates, with the headers that every page carries, and redirects after forms."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from aiohttp import hdrs, web

from model_sharing_provider.domain.principals import ANONYMOUS
from model_sharing_provider.faces.explorer.filters import FILTERS
from model_sharing_provider.faces.explorer.notices import NOTICES
from model_sharing_provider.faces.explorer.sessions import csrf_token
from model_sharing_provider.http.requests import PRINCIPAL, REQUEST_ID
from model_sharing_provider.http.urls import EXPLORER_PREFIX, base_url

if TYPE_CHECKING:
    from jinja2 import Environment

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_NOTICE = "done"


def render(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """Page, or part of one, from a template and its values."""
    principal = request.get(PRINCIPAL, ANONYMOUS)

    def url(*segments: object, **query: object) -> str:
        return explorer_url(request, *segments, **query)

    text = (
        _templates()
        .get_template(template)
        .render(
            url=url,
            static=lambda name: f"{url('static', name)}?v={static_version()}",
            base=base_url(request),
            section=request.path.removeprefix(EXPLORER_PREFIX).strip("/").partition("/")[0],
            place=_place(request),
            principal=None if principal is ANONYMOUS else principal,
            csrf_token="" if principal is ANONYMOUS else csrf_token(request),
            notice=NOTICES.get(request.query.get(_NOTICE, ""), ""),
            request_id=request[REQUEST_ID],
            **values,
        )
    )
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)


@cache
def _templates() -> Environment:
    """Templates, with their library: most servers show no page, and none with its first request."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    return templates


def _place(request: web.Request) -> str:
    """Name of the catalog, schema or model that a page is about; empty for others."""
    return (request.match_info.get("full_name") or request.match_info.get("catalog", "")).lower()


def explorer_url(request: web.Request, *segments: object, **query: object) -> str:
    """Path of a page as the browser reaches it; segments are quoted, empty values of the query left out."""
    path = "".join(f"/{quote(str(segment), safe='')}" for segment in segments)
    given = {name: value for name, value in query.items() if value not in (None, "")}
    prefix = urlsplit(base_url(request)).path + EXPLORER_PREFIX
    return prefix + path + (f"?{urlencode(given, doseq=True)}" if given else "")


def see_other(request: web.Request, *segments: object, done: str = "", **query: object) -> web.Response:
    """Redirect to a page after a form; `done` is the notice that it shows, one of `NOTICES`."""
    assert not done or done in NOTICES  # noqa: S101 - a mistake of ours
    return see_elsewhere(explorer_url(request, *segments, **query, **{_NOTICE: done}))


def see_elsewhere(location: str) -> web.Response:
    """Redirect to a URL that no page of a visitor wrote."""
    return web.Response(status=303, headers={**_HEADERS, hdrs.LOCATION: location})


@cache
def static_version() -> str:
    """Version of the static files, so that browsers may keep them for good."""
    digest = hashlib.sha256()
    for each in sorted(files(__package__).joinpath("static").iterdir(), key=lambda file: file.name):
        digest.update(each.read_bytes())
    return digest.hexdigest()[:12]

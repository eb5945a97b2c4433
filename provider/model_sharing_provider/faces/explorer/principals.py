"""Principals of the metastore: users, service principals, groups, administrators, and their access tokens."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.times import now_ms
from model_sharing_protocol.units import parse_duration
from model_sharing_provider.domain.principals import ALL_USERS, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer principals"
_TYPES = (PrincipalType.USER, PrincipalType.SERVICE_PRINCIPAL, PrincipalType.GROUP, PrincipalType.ADMIN)


async def list_principals(request: web.Request) -> web.Response:
    """All principals, for administrators; others see themselves alone."""
    provider, context = provider_of(request), context_of(request)
    refusals = await provider.permissions.refusals(context, SecurableType.METASTORE)
    if refusals["administer"]:
        me = await provider.principals.who_am_i(context)
        return render(request, "principals.html", me=me, principals=(), refusals=refusals, types=(), next="")
    found = await provider.principals.page(context, page_of(request, _LISTING))
    token = found.token(_LISTING)
    return render(
        request,
        "principals.html",
        me=None,
        principals=found.items,
        refusals=refusals,
        types=_TYPES,
        next=explorer_url(request, "principals", page=token) if token else "",
    )


async def create_principal(request: web.Request) -> web.Response:
    fields = await read_form(request)
    name = fields.text("name")
    if fields.text("type") not in _TYPES:
        raise InvalidParameter(f"{fields.text('type')!r} is not a type of principal.")
    kind = PrincipalType(fields.text("type"))
    await provider_of(request).principals.create(context_of(request), name, kind)
    return see_other(request, "principals", name, done="created")


async def show_principal(request: web.Request) -> web.Response:
    """A principal: its tokens or, of a group, its members."""
    info = await provider_of(request).principals.get(context_of(request), principal_of(request))
    return render(
        request,
        "principal.html",
        info=info,
        is_group=info.principal.type is PrincipalType.GROUP,
        fixed=info.principal.name == ALL_USERS,
        now=now_ms(),
    )


async def create_token(request: web.Request) -> web.Response:
    """Create an access token, and show it, this once."""
    fields, name = await read_form(request), principal_of(request)
    expires_in = fields.text("expires_in")
    _, secret = await provider_of(request).principals.create_token(
        context_of(request),
        name,
        lifetime=parse_duration(expires_in) if expires_in else None,
        comment=fields.text("comment"),
    )
    return render(request, "access_token.html", name=name, secret=secret)


async def end_token(request: web.Request) -> web.Response:
    fields, name = await read_form(request), principal_of(request)
    await provider_of(request).principals.delete_token(context_of(request), name, fields.text("token"))
    return see_other(request, "principals", name, done="ended")


async def add_member(request: web.Request) -> web.Response:
    fields, name = await read_form(request), principal_of(request)
    await provider_of(request).principals.add_member(context_of(request), name, fields.text("member"))
    return see_other(request, "principals", name, done="saved")


async def remove_member(request: web.Request) -> web.Response:
    fields, name = await read_form(request), principal_of(request)
    await provider_of(request).principals.remove_member(context_of(request), name, fields.text("member"))
    return see_other(request, "principals", name, done="removed")


async def delete_principal(request: web.Request) -> web.Response:
    fields, name = await read_form(request), principal_of(request)
    fields.confirm(name)
    await provider_of(request).principals.delete(context_of(request), name)
    return see_other(request, "principals", done="deleted")


def principal_of(request: web.Request) -> str:
    """Name of the principal that a page is about."""
    return request.match_info["principal"]


_PATH = "/principals/{principal}"

ROUTES = (
    page("/principals", list_principals),
    form("/principals", create_principal),
    page(_PATH, show_principal),
    form(f"{_PATH}/tokens", create_token),
    form(f"{_PATH}/tokens/end", end_token),
    form(f"{_PATH}/members", add_member),
    form(f"{_PATH}/members/remove", remove_member),
    form(f"{_PATH}/delete", delete_principal),
)

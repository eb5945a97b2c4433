"""Permissions of a catalog, a schema or a model: who holds what, and from where; grant and revoke."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.pages import page_of as page_of_list
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.rendering import explorer_url, render, see_other
from model_sharing_provider.faces.explorer.securables import (
    SecurablePlace,
    forms_of_each,
    pages_of_each,
    place_of,
)
from model_sharing_provider.governance.permissions import PrivilegeChange, PrivilegeGrant, parse_privileges
from model_sharing_provider.governance.privileges import GRANTABLE
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer permissions"
_SECTIONS = {
    SecurableType.CATALOG: "catalogs",
    SecurableType.SCHEMA: "schemas",
    SecurableType.MODEL: "models",
}


async def show_permissions(request: web.Request) -> web.Response:
    """All effective grants for managers; for others their own."""
    provider, context, place = provider_of(request), context_of(request), place_of(request)
    refusals = await provider.permissions.refusals(context, place.kind, place.name)
    if refusals["see_permissions"]:
        grants = await provider.permissions.of_caller(context, place.kind, place.name)
    else:
        grants = await provider.permissions.effective(context, place.kind, place.name)
    found = page_of_list(grants, page_of(request, _LISTING), _key)
    token = found.token(_LISTING)
    return render(
        request,
        "permissions.html",
        at=place,
        refusals=refusals,
        grants=[(grant, _SECTIONS.get(grant.type, "")) for grant in found.items],
        grantable=sorted(GRANTABLE[place.kind]),
        next=explorer_url(request, place.section, place.name, "permissions", page=token) if token else "",
    )


async def grant(request: web.Request) -> web.Response:
    fields, place = await read_form(request), place_of(request)
    words = fields.texts("privilege")
    if not words:
        raise InvalidParameter("Choose a privilege to grant.")
    change = PrivilegeChange(fields.text("principal"), add=parse_privileges(place.kind, words))
    return await _change(request, place, change)


async def revoke(request: web.Request) -> web.Response:
    fields, place = await read_form(request), place_of(request)
    removed = parse_privileges(place.kind, [fields.text("privilege")])
    return await _change(request, place, PrivilegeChange(fields.text("principal"), remove=removed))


async def _change(request: web.Request, place: SecurablePlace, change: PrivilegeChange) -> web.Response:
    await provider_of(request).permissions.update(context_of(request), place.kind, place.name, [change])
    done = "granted" if change.add else "revoked"
    return see_other(request, place.section, place.name, "permissions", done=done)


def _key(grant: PrivilegeGrant) -> str:
    """Order by principal; what is granted here comes first, and nothing twice."""
    depth = len(grant.name.split(".")) if grant.name else 0
    return "\n".join((grant.principal, grant.privilege, str(9 - depth)))


ROUTES = (
    *pages_of_each("/permissions", show_permissions),
    *forms_of_each("/permissions", grant),
    *forms_of_each("/permissions/revoke", revoke),
)

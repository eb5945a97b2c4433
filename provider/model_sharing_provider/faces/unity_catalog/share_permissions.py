"""Permissions on shares, which recipients hold: `shares/…/permissions`, and `permissions` of a SHARE."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from model_sharing_protocol import unity_catalog_permissions as wire
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import ShareGrant
from model_sharing_provider.faces.unity_catalog.requests import message_response, page_or_all
from model_sharing_provider.governance.permissions import PrivilegeChange, parse_privileges
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import PAGE
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route


async def get_permissions(request: web.Request) -> web.Response:
    return message_response(_permissions(request, await _grants(request)))


async def get_effective_permissions(request: web.Request) -> web.Response:
    """The same as the direct ones: a share inherits nothing."""
    held = [
        wire.EffectivePrivilegeAssignment(grant.recipient, (wire.EffectivePrivilege(grant.privilege),))
        for grant in await _grants(request)
    ]
    page = page_or_all(request, _listing(request), held, lambda each: each.principal)
    return message_response(wire.EffectivePermissions(*page))


async def update_permissions(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdatePermissions)
    kind = SecurableType.SHARE
    changes = [
        PrivilegeChange(
            change.principal, parse_privileges(kind, change.add), parse_privileges(kind, change.remove)
        )
        for change in body.changes
    ]
    permissions = provider_of(request).share_permissions
    grants = await permissions.update(context_of(request), request.match_info["name"], changes)
    return message_response(_permissions(request, () if body.quiet else grants))


async def _grants(request: web.Request) -> list[ShareGrant]:
    name, recipient = request.match_info["name"], request.query.get("principal", "")
    return await provider_of(request).share_permissions.get(context_of(request), name, recipient)


def _permissions(request: web.Request, grants: Sequence[ShareGrant]) -> wire.Permissions:
    given = [wire.PrivilegeAssignment(grant.recipient, (grant.privilege,)) for grant in grants]
    return wire.Permissions(*page_or_all(request, _listing(request), given, lambda each: each.principal))


def _listing(request: web.Request) -> str:
    return f"grants on {request.match_info['name']}"


ROUTES = (
    Route(
        "GET",
        "/shares/{name}/permissions",
        get_permissions,
        "Recipients that a share is granted to",
        wire.Permissions,
        query=PAGE,
    ),
    Route(
        "PATCH",
        "/shares/{name}/permissions",
        update_permissions,
        "Grant or revoke a share",
        wire.Permissions,
        wire.UpdatePermissions,
    ),
)

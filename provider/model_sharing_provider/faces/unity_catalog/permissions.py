"""Permissions on securables, direct and inherited: `permissions` and `effective-permissions`.

Registered models are of the type FUNCTION in Unity Catalog's grants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from aiohttp import web

from model_sharing_protocol import unity_catalog_permissions as wire
from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName, SchemaName, normalize_name
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.faces.unity_catalog import share_permissions
from model_sharing_provider.faces.unity_catalog.privilege_words import privilege_words
from model_sharing_provider.faces.unity_catalog.requests import message_response, page_or_all
from model_sharing_provider.governance.permissions import (
    PrivilegeChange,
    PrivilegeGrant,
    parse_privileges,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY, PAGE, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Query, Route

_TYPES = {
    "METASTORE": SecurableType.METASTORE,
    "CATALOG": SecurableType.CATALOG,
    "SCHEMA": SecurableType.SCHEMA,
    "FUNCTION": SecurableType.MODEL,
    "MODEL": SecurableType.MODEL,
    "REGISTERED_MODEL": SecurableType.MODEL,
}
_WORDS = {SecurableType.MODEL: "FUNCTION"}


async def get_permissions(request: web.Request) -> web.Response:
    if _is_share(request):
        return await share_permissions.get_permissions(request)
    kind, name = _securable(request)
    principal = request.query.get("principal", "")
    grants = await provider_of(request).permissions.get(context_of(request), kind, name, principal)
    return message_response(_permissions(request, grants))


async def get_effective_permissions(request: web.Request) -> web.Response:
    if _is_share(request):
        return await share_permissions.get_effective_permissions(request)
    kind, name = _securable(request)
    principal = request.query.get("principal", "")
    grants = await provider_of(request).permissions.effective(context_of(request), kind, name, principal)
    return message_response(_effective(request, grants, kind))


async def update_permissions(request: web.Request) -> web.Response:
    if _is_share(request):
        return await share_permissions.update_permissions(request)
    kind, name = _securable(request)
    body = await read_body(request, wire.UpdatePermissions)
    changes = [
        PrivilegeChange(
            change.principal, parse_privileges(kind, change.add), parse_privileges(kind, change.remove)
        )
        for change in body.changes
    ]
    grants = await provider_of(request).permissions.update(context_of(request), kind, name, changes)
    spaced = any(" " in word for change in body.changes for word in (*change.add, *change.remove))
    return message_response(_permissions(request, () if body.quiet else grants, spaced=spaced))


def _word(request: web.Request) -> str:
    """Type in the path, without the prefix that SDKs sometimes send: `SecurableType.FUNCTION`."""
    return request.match_info["type"].upper().removeprefix("SECURABLETYPE.")


def _is_share(request: web.Request) -> bool:
    return _word(request) == "SHARE"


def _securable(request: web.Request) -> tuple[SecurableType, str]:
    name = request.match_info["name"]
    kind = _TYPES.get(_word(request))
    if kind is None:
        raise InvalidParameter(f"{request.match_info['type']!r} is not a type of securable with grants.")
    if kind is SecurableType.MODEL:
        return kind, str(FullName.parse(name))
    if kind is SecurableType.SCHEMA:
        return kind, str(SchemaName.parse(name))
    return kind, normalize_name(kind.lower(), name) if kind is SecurableType.CATALOG else ""


def _permissions(
    request: web.Request, grants: Sequence[PrivilegeGrant], *, spaced: bool = False
) -> wire.Permissions:
    write = privilege_words(request, spaced=spaced)
    by_principal: dict[str, list[str]] = defaultdict(list)
    for grant in grants:
        if word := write(grant.privilege):
            by_principal[grant.principal].append(word)
    given = [wire.PrivilegeAssignment(who, tuple(what)) for who, what in by_principal.items()]
    return wire.Permissions(*page_or_all(request, _listing(request), given, lambda each: each.principal))


def _effective(
    request: web.Request, grants: Sequence[PrivilegeGrant], kind: SecurableType
) -> wire.EffectivePermissions:
    by_principal: dict[str, list[wire.EffectivePrivilege]] = defaultdict(list)
    for grant in grants:
        privilege = wire.EffectivePrivilege(grant.privilege)
        if grant.type is not kind:
            privilege.inherited_from_type = _WORDS.get(grant.type, grant.type.value)
            privilege.inherited_from_name = grant.name
        by_principal[grant.principal].append(privilege)
    held = [wire.EffectivePrivilegeAssignment(who, tuple(what)) for who, what in by_principal.items()]
    return wire.EffectivePermissions(
        *page_or_all(request, _listing(request), held, lambda each: each.principal)
    )


def _listing(request: web.Request) -> str:
    return f"privileges on {request.match_info['type']} {request.match_info['name']}"


ROUTES = (
    Route(
        "GET",
        "/permissions/{type}/{name}",
        get_permissions,
        "Privileges granted on a securable",
        wire.Permissions,
        query=(Query("principal", TEXT), *PAGE),
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "PATCH",
        "/permissions/{type}/{name}",
        update_permissions,
        "Grant and revoke",
        wire.Permissions,
        wire.UpdatePermissions,
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "GET",
        "/effective-permissions/{type}/{name}",
        get_effective_permissions,
        "Privileges on a securable, granted on it or inherited",
        wire.EffectivePermissions,
        query=(Query("principal", TEXT), *PAGE),
        parameters={"name": NOT_EMPTY},
    ),
)

"""Users and service principals: `Users`, `ServicePrincipals`.

A principal has one name, by which it is granted privileges: a user's `userName`, or a service principal's
`applicationId`, which is its `displayName` if it is created without.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, NotFound
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.domain.principals import PrincipalInfo, PrincipalType
from model_sharing_provider.faces.scim.messages import (
    SERVICE_PRINCIPAL,
    USER,
    GivenResource,
    PatchRequest,
    Reference,
    Resource,
    ResourceList,
)
from model_sharing_provider.faces.scim.requests import LISTED, list_resources, operations_of, truth
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Nothing, Route


@dataclass(frozen=True, slots=True)
class _Holders:
    """Routes of one kind of principals that hold tokens."""

    path: str
    noun: str
    created: PrincipalType
    kinds: tuple[PrincipalType, ...]

    async def page(self, request: web.Request) -> web.Response:
        return await list_resources(request, self.kinds, _resource)

    async def create(self, request: web.Request) -> web.Response:
        body = await read_body(request, GivenResource)
        name = (
            body.user_name if self.created is PrincipalType.USER else body.application_id or body.display_name
        )
        if not name:
            wanted = "userName" if self.created is PrincipalType.USER else "displayName"
            raise InvalidParameter(f"A {self.noun} needs a {wanted}.")
        created = await provider_of(request).principals.create(context_of(request), name, self.created)
        if body.active is False:
            directory = provider_of(request).directory
            created = await directory.set_active(context_of(request), created.principal.id, active=False)
        return json_response(_resource(created), JSON)

    async def get(self, request: web.Request) -> web.Response:
        return json_response(_resource(await self._find(request)), JSON)

    async def replace(self, request: web.Request) -> web.Response:
        """Set `active`; the name stays, as in Databricks."""
        body = await read_body(request, GivenResource)
        found = await self._find(request)
        if body.active is not None:
            found = await self._set_active(request, active=body.active)
        return json_response(_resource(found), JSON)

    async def patch(self, request: web.Request) -> web.Response:
        body = await read_body(request, PatchRequest)
        found, active = await self._find(request), None
        for op, attribute, value in operations_of(body.operations):
            if attribute.lower() == "active" and op != "remove":
                active = truth(value)
        if active is not None:
            found = await self._set_active(request, active=active)
        return json_response(_resource(found), JSON)

    async def delete(self, request: web.Request) -> web.Response:
        found = await self._find(request)
        await provider_of(request).principals.delete(context_of(request), found.principal.name)
        return json_response({}, JSON)

    async def _find(self, request: web.Request) -> PrincipalInfo:
        directory = provider_of(request).directory
        return await directory.find(context_of(request), request.match_info["id"], self.kinds)

    async def _set_active(self, request: web.Request, *, active: bool) -> PrincipalInfo:
        directory = provider_of(request).directory
        return await directory.set_active(context_of(request), request.match_info["id"], active=active)

    @property
    def routes(self) -> tuple[Route, ...]:
        one = f"{self.path}/{{id}}"
        return (
            Route("GET", self.path, self.page, f"The {self.noun}s", ResourceList, query=LISTED),
            Route(
                "POST",
                self.path,
                self.create,
                f"New {self.noun}",
                Resource,
                GivenResource,
                errors=(AlreadyExists,),
            ),
            Route("GET", one, self.get, f"A {self.noun}", Resource, errors=(NotFound,)),
            Route("PUT", one, self.replace, f"Activate or deactivate a {self.noun}", Resource, GivenResource),
            Route("PATCH", one, self.patch, f"Change a {self.noun}", Resource, PatchRequest),
            Route("DELETE", one, self.delete, f"Delete a {self.noun}", Nothing, errors=(NotFound,)),
        )


def _resource(info: PrincipalInfo) -> Resource:
    principal = info.principal
    of_service = principal.type is PrincipalType.SERVICE_PRINCIPAL
    return Resource(
        id=principal.id,
        display_name=principal.name,
        schemas=(SERVICE_PRINCIPAL if of_service else USER,),
        user_name=None if of_service else principal.name,
        application_id=principal.name if of_service else None,
        active=info.active,
        groups=tuple(Reference(group.id, group.name) for group in info.groups),
    )


_USERS = _Holders("/Users", "user", PrincipalType.USER, (PrincipalType.USER, PrincipalType.ADMIN))
_SERVICE_PRINCIPALS = _Holders(
    "/ServicePrincipals",
    "service principal",
    PrincipalType.SERVICE_PRINCIPAL,
    (PrincipalType.SERVICE_PRINCIPAL,),
)
ROUTES = (*_USERS.routes, *_SERVICE_PRINCIPALS.routes)

"""Messages of SCIM: users, service principals, groups, lists of them, and patches."""

from __future__ import annotations

from typing import Any

import msgspec

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
SERVICE_PRINCIPAL = "urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class Reference(msgspec.Struct, omit_defaults=True):
    """Reference to a principal by its id; `display` is its name."""

    value: str
    display: str = ""


class Resource(msgspec.Struct, rename="camel", omit_defaults=True):
    """Principal. A user has a user name, a service principal an application id, a group members."""

    id: str
    display_name: str
    schemas: tuple[str, ...]
    user_name: str | None = None
    application_id: str | None = None
    active: bool | None = None
    groups: tuple[Reference, ...] = ()
    members: tuple[Reference, ...] | None = None


class ResourceList(msgspec.Struct):
    """Page of a list; `startIndex` is that of its first item, counted from 1."""

    schemas: tuple[str, ...]
    total: int = msgspec.field(name="totalResults")
    start_index: int = msgspec.field(name="startIndex")
    items_per_page: int = msgspec.field(name="itemsPerPage")
    resources: tuple[Resource, ...] = msgspec.field(name="Resources")


class GivenResource(msgspec.Struct, rename="camel"):
    """Principal to create, or to be as given. Other fields of SCIM are ignored."""

    user_name: str = ""
    display_name: str = ""
    application_id: str = ""
    active: bool | None = None
    members: tuple[Reference, ...] | None = None


class PatchOperation(msgspec.Struct):
    op: str
    path: str = ""
    value: Any = None


class PatchRequest(msgspec.Struct):
    operations: tuple[PatchOperation, ...] = msgspec.field(name="Operations")

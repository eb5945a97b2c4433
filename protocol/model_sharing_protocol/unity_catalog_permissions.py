"""Messages of Unity Catalog's REST API about permissions: on securables, and of recipients on shares."""

from __future__ import annotations

from model_sharing_protocol.unity_catalog_base import Message


class PrivilegeAssignment(Message):
    principal: str
    privileges: tuple[str, ...]


class Permissions(Message):
    privilege_assignments: tuple[PrivilegeAssignment, ...]
    next_page_token: str = ""


class EffectivePrivilege(Message):
    """Privilege with its origin, unless it was granted on the securable itself."""

    privilege: str
    inherited_from_type: str | None = None
    inherited_from_name: str | None = None


class EffectivePrivilegeAssignment(Message):
    principal: str
    privileges: tuple[EffectivePrivilege, ...]


class EffectivePermissions(Message):
    privilege_assignments: tuple[EffectivePrivilegeAssignment, ...]
    next_page_token: str = ""


class PermissionsChange(Message):
    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class UpdatePermissions(Message):
    """Changes of permissions; either flag leaves the permissions out of the response."""

    changes: tuple[PermissionsChange, ...] = ()
    omit_permissions_in_response: bool = False
    omit_permissions_list: bool = False

    @property
    def quiet(self) -> bool:
        return self.omit_permissions_in_response or self.omit_permissions_list

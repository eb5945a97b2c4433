"""Users, groups and privileges, for tests of access control."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient


@dataclass(frozen=True, slots=True)
class User:
    """A user or a service principal, with an access token."""

    admin: AdminClient
    name: str
    token: str

    async def context(self) -> Context:
        """Context as a face makes it of the token, anew for each call: groups change between calls."""
        provider = self.admin.provider
        principal = await provider.principals.authenticate(
            provider.context(Caller(ANONYMOUS, "test")), self.token
        )
        return provider.context(Caller(principal, "test"))


async def create_user(admin: AdminClient, name: str, kind: PrincipalType = PrincipalType.USER) -> User:
    """A new principal with a token."""
    await admin.provider.principals.create(admin.context, name, kind)
    _, token = await admin.provider.principals.create_token(admin.context, name)
    return User(admin, name, token)


async def create_group(admin: AdminClient, group: str, *members: str) -> None:
    """A new group with these members."""
    await admin.provider.principals.create(admin.context, group, PrincipalType.GROUP)
    for member in members:
        await admin.provider.principals.add_member(admin.context, group, member)


@dataclass(frozen=True, slots=True)
class SecurablePrivilege:
    """A privilege on a securable, or its ownership, that the administrator grants and revokes."""

    privilege: Privilege
    on: SecurableType
    name: str = ""

    def __str__(self) -> str:
        return f"{self.privilege} on {self.name or 'the metastore'}"

    async def grant(self, admin: AdminClient, who: str) -> None:
        if self.privilege is Privilege.OWN:
            await change_owner(admin, admin.context, self.on, self.name, who)
        else:
            change = PrivilegeChange(who, add=frozenset({self.privilege}))
            await admin.provider.permissions.update(admin.context, self.on, self.name, [change])

    async def revoke(self, admin: AdminClient, who: str) -> None:
        if self.privilege is Privilege.OWN:
            await change_owner(admin, admin.context, self.on, self.name, admin.provider.administrator.name)
        else:
            change = PrivilegeChange(who, remove=frozenset({self.privilege}))
            await admin.provider.permissions.update(admin.context, self.on, self.name, [change])


async def grant_privileges(admin: AdminClient, who: str, *privileges: SecurablePrivilege) -> None:
    for privilege in privileges:
        await privilege.grant(admin, who)


async def change_owner(
    admin: AdminClient, giver: Context, kind: SecurableType, name: str, owner: str
) -> None:
    """Change the owner of a securable, and nothing else of it."""
    changes = SecurableUpdate(owner=owner)
    provider = admin.provider
    if kind is SecurableType.CATALOG:
        await provider.catalogs.update(giver, name, changes)
    elif kind is SecurableType.SCHEMA:
        await provider.catalogs.update_schema(giver, SchemaName.parse(name), changes)
    elif kind is SecurableType.MODEL:
        await provider.models.update(giver, FullName.parse(name), changes)
    elif kind is SecurableType.SHARE:
        await provider.shares.update(giver, name, changes=changes)
    elif kind is SecurableType.RECIPIENT:
        await provider.recipients.update(giver, name, changes)
    else:
        await provider.providers.update(giver, name, changes)


def on_catalog(privilege: Privilege, name: str) -> SecurablePrivilege:
    return SecurablePrivilege(privilege, SecurableType.CATALOG, name)


def on_schema(privilege: Privilege, name: str) -> SecurablePrivilege:
    return SecurablePrivilege(privilege, SecurableType.SCHEMA, name)


def on_model(privilege: Privilege, name: str) -> SecurablePrivilege:
    return SecurablePrivilege(privilege, SecurableType.MODEL, name)


def privileges_to_load(name: str) -> tuple[SecurablePrivilege, ...]:
    """Privileges that loading a model takes."""
    full = FullName.parse(name)
    return (
        on_catalog(Privilege.USE_CATALOG, full.catalog),
        on_schema(Privilege.USE_SCHEMA, str(full.schema_name)),
        on_model(Privilege.EXECUTE, name),
    )


async def recipient_context(admin: AdminClient, name: str) -> Context:
    """The context of a recipient, as authentication would make it."""
    recipient, _ = await admin.provider.recipients.get(admin.context, name)
    principal = Principal(PrincipalType.RECIPIENT, recipient.id, recipient.name, recipient.tokens[0].id)
    return admin.provider.context(Caller(principal, "test"))

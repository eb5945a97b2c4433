"""Users, groups and rights: what stories of access control need."""

from __future__ import annotations

from dataclasses import dataclass

from support import Desk

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.permissions import PrivilegeChange
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.updates import SecurableUpdate


@dataclass(frozen=True, slots=True)
class Person:
    """A user or a program, who works with an access token."""

    desk: Desk
    name: str
    token: str

    async def context(self) -> Context:
        """As a face makes it of the token, anew for each call: groups change between calls."""
        provider = self.desk.provider
        principal = await provider.principals.authenticate(
            provider.context(Caller(ANONYMOUS, "test")), self.token
        )
        return provider.context(Caller(principal, "test"))


async def hire(desk: Desk, name: str, kind: PrincipalType = PrincipalType.USER) -> Person:
    """A new principal with a token."""
    await desk.provider.principals.create(desk.context, name, kind)
    _, token = await desk.provider.principals.create_token(desk.context, name)
    return Person(desk, name, token)


async def found(desk: Desk, group: str, *members: str) -> None:
    """A new group with these members."""
    await desk.provider.principals.create(desk.context, group, PrincipalType.GROUP)
    for member in members:
        await desk.provider.principals.add_member(desk.context, group, member)


@dataclass(frozen=True, slots=True)
class Right:
    """A privilege on a securable, or its ownership; the administrator's desk gives and takes it."""

    privilege: Privilege
    on: SecurableType
    name: str = ""

    def __str__(self) -> str:
        return f"{self.privilege} on {self.name or 'the metastore'}"

    async def give(self, desk: Desk, who: str) -> None:
        if self.privilege is Privilege.OWN:
            await give_away(desk, desk.context, self.on, self.name, who)
        else:
            change = PrivilegeChange(who, add=frozenset({self.privilege}))
            await desk.provider.permissions.update(desk.context, self.on, self.name, [change])

    async def take(self, desk: Desk, who: str) -> None:
        if self.privilege is Privilege.OWN:
            await give_away(desk, desk.context, self.on, self.name, desk.provider.administrator.name)
        else:
            change = PrivilegeChange(who, remove=frozenset({self.privilege}))
            await desk.provider.permissions.update(desk.context, self.on, self.name, [change])


async def give_away(desk: Desk, giver: Context, kind: SecurableType, name: str, owner: str) -> None:
    """Change the owner of a securable, and nothing else of it."""
    changes = SecurableUpdate(owner=owner)
    provider = desk.provider
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


def catalog(privilege: Privilege, name: str) -> Right:
    return Right(privilege, SecurableType.CATALOG, name)


def schema(privilege: Privilege, name: str) -> Right:
    return Right(privilege, SecurableType.SCHEMA, name)


def model(privilege: Privilege, name: str) -> Right:
    return Right(privilege, SecurableType.MODEL, name)


def reading(name: str) -> tuple[Right, ...]:
    """What it takes to load a model."""
    full = FullName.parse(name)
    return (
        catalog(Privilege.USE_CATALOG, full.catalog),
        schema(Privilege.USE_SCHEMA, str(full.schema_name)),
        model(Privilege.EXECUTE, name),
    )


async def as_recipient(desk: Desk, name: str) -> Context:
    """The context of a recipient, as authentication would make it."""
    recipient, _ = await desk.provider.recipients.get(desk.context, name)
    principal = Principal(PrincipalType.RECIPIENT, recipient.id, recipient.name, recipient.tokens[0].id)
    return desk.provider.context(Caller(principal, "test"))

"""Updates common to all securables: name, description, properties, owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from model_sharing_protocol.errors import AlreadyExists, InvalidParameter
from model_sharing_protocol.names import normalize_name
from model_sharing_provider.domain.limits import check_comment, check_properties
from model_sharing_provider.domain.securables import Catalog, RegisteredModel, Schema
from model_sharing_provider.services.context import Operation
from model_sharing_provider.services.registry.principals import check_owner

if TYPE_CHECKING:
    from model_sharing_provider.domain.sharing import Recipient, Share, SharingProvider

Owned = TypeVar("Owned", Catalog, Schema, RegisteredModel, "Share", "Recipient", "SharingProvider")
WithProperties = TypeVar("WithProperties", Catalog, Schema, "Recipient")
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurableUpdate:
    """Update of a securable; None leaves a field unchanged.

    Raises InvalidParameter for an empty name or a text over its limit.
    """

    new_name: str | None = None
    comment: str | None = None
    properties: Mapping[str, str] | None = None
    owner: str | None = None

    def __post_init__(self) -> None:
        if self.new_name == "" or self.owner == "":
            raise InvalidParameter(
                "The new name and the new owner cannot be empty; omit fields that do not change."
            )
        check_comment(self.comment or "")
        check_properties(self.properties or {})

    @property
    def only_owner(self) -> bool:
        """True if the update changes nothing but the owner, which managers may do, too."""
        return self.owner is not None and self == SecurableUpdate(owner=self.owner)


NO_CHANGE = SecurableUpdate()


async def apply_update(operation: Operation, securable: Owned, changes: SecurableUpdate) -> Owned:
    """Copy of a securable with its new description and owner, as of now. Raises NotFound for the owner."""
    return replace(
        securable,
        comment=securable.comment if changes.comment is None else changes.comment,
        owner=await check_owner(operation, changes.owner) if changes.owner else securable.owner,
        updated_at=operation.now,
        updated_by=operation.principal.name,
    )


def with_properties(securable: WithProperties, changes: SecurableUpdate) -> WithProperties:
    """Copy of a securable with its new properties, which replace all old ones."""
    return (
        securable if changes.properties is None else replace(securable, properties=dict(changes.properties))
    )


async def new_name(
    kind: str, name: str, changes: SecurableUpdate, find: Callable[[str], Awaitable[object | None]]
) -> str:
    """Name of a securable after its update. Raises InvalidParameter, AlreadyExists."""
    wanted = normalize_name(kind, changes.new_name or name)
    if wanted != name:
        await check_new(kind, wanted, find)
    return wanted


async def check_new(kind: str, name: Name, find: Callable[[Name], Awaitable[object | None]]) -> None:
    """Check that a name is free. Raises AlreadyExists."""
    if await find(name):
        raise AlreadyExists(f"The {kind} '{name}' exists already.")

"""Permissions: grants of privileges, and those in effect on a securable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import GRANTABLE, Privilege


@dataclass(frozen=True, slots=True)
class PrivilegeGrant:
    """Privilege of a principal, with the securable that it was granted on."""

    principal: str
    privilege: str
    type: SecurableType
    name: str


@dataclass(frozen=True, slots=True)
class PrivilegeChange:
    """Change of permissions: privileges to grant to a principal and to revoke from it."""

    principal: str
    add: frozenset[Privilege] = frozenset()
    remove: frozenset[Privilege] = frozenset()


def parse_privileges(kind: SecurableType, words: Iterable[str]) -> frozenset[Privilege]:
    """Parse privileges, as SQL or the SDKs write them (`USE CATALOG`, `USE_CATALOG`).

    Raises InvalidParameter for a word that is not a privilege that can be granted on a `kind`.
    """
    grantable = GRANTABLE.get(kind, frozenset())
    parsed = set()
    for word in words:
        normal = word.strip().upper().replace(" ", "_")
        if normal not in grantable:
            known = ", ".join(sorted(grantable))
            raise InvalidParameter(f"{word!r} cannot be granted on a {kind.lower()}; these can: {known}.")
        parsed.add(Privilege(normal))
    return frozenset(parsed)


def effective_grants(
    grants: Iterable[PrivilegeGrant], kind: SecurableType, principal: str = ""
) -> list[PrivilegeGrant]:
    """Filter grants on a securable and its parents to those with an effect on a securable of `kind`."""
    return [
        grant
        for grant in grants
        if (not principal or grant.principal == principal)
        and (grant.type is not SecurableType.METASTORE or kind is SecurableType.METASTORE)
        and (grant.type is kind or grant.privilege in GRANTABLE[kind])
    ]

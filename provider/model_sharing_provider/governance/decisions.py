"""Authorization decisions for principals, each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.privileges import GRANTABLE, HELD_BY_OWNERS, Privilege
from model_sharing_provider.governance.rules import Rule

_OF_THE_METASTORE = (PrincipalType.ADMIN, PrincipalType.USER, PrincipalType.SERVICE_PRINCIPAL)
_DOORS = {
    SecurableType.CATALOG: Privilege.USE_CATALOG,
    SecurableType.SCHEMA: Privilege.USE_SCHEMA,
}


@dataclass(frozen=True, slots=True)
class SecurablePrivileges:
    """Privileges of a principal on one securable: ownership, and its grants there.

    A missing securable has no owner, and inherits as an existing one in its place would.
    """

    type: SecurableType
    name: str
    owned: bool
    granted: frozenset[str]
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision with its reason, for the audit log and, on faces that may reveal existence, for the caller.

    `absent` is the type of a required securable that does not exist.
    """

    allowed: bool
    reason: str
    absent: SecurableType | None = None


def decide(principal: Principal, rule: Rule, path: Sequence[SecurablePrivileges]) -> Decision:
    """Decide on an operation with the given rule, by a principal's privileges from the metastore down.

    The metastore's administrators are always allowed; recipients never are, since they read through shares.
    """
    if principal.type is PrincipalType.ADMIN:
        return Decision(True, "metastore administrator")
    if principal.type not in _OF_THE_METASTORE:
        wanted = " or ".join(rule[-1].any_of) if rule else "an access token"
        return Decision(False, f"{principal.name} lacks {wanted}, and is not a principal of this metastore")
    held = held_privileges(path)
    by_type = {each.type: each for each in path}
    for need in rule:
        about = by_type[need.level]
        holds = bool(held[need.level].intersection(need.any_of))
        if not about.exists and (holds or _may_look(path, held, about)):
            return Decision(False, f"the {need.level.lower()} does not exist", absent=need.level)
        if not holds:
            wanted = " or ".join(need.any_of)
            where = f"{need.level.lower()} {about.name!r}" if about.name else "the metastore"
            return Decision(False, f"{principal.name} lacks {wanted} on {where}")
    return Decision(True, "holds the required privileges")


def _may_look(
    path: Sequence[SecurablePrivileges],
    held: Mapping[SecurableType, frozenset[Privilege]],
    about: SecurablePrivileges,
) -> bool:
    """True if the principal may learn that it is missing; others get the same answer either way."""
    above = path[: path.index(about)]
    return all(_DOORS[each.type] in held[each.type] for each in above if each.type in _DOORS)


def held_privileges(path: Sequence[SecurablePrivileges]) -> dict[SecurableType, frozenset[Privilege]]:
    """Held privileges on each securable: by ownership, by a grant there, or inherited."""
    held: dict[SecurableType, frozenset[Privilege]] = {}
    inherited: frozenset[Privilege] = frozenset()
    for privileges in path:
        here = frozenset(map(Privilege, privileges.granted))
        if Privilege.ALL_PRIVILEGES in here:
            # As in Unity Catalog: all privileges except MANAGE.
            here |= GRANTABLE[privileges.type] - {Privilege.MANAGE}
        if privileges.type is not SecurableType.METASTORE:
            here |= inherited
            inherited = here | (frozenset({Privilege.MANAGE}) if privileges.owned else frozenset())
        if privileges.owned:
            here |= HELD_BY_OWNERS.get(privileges.type, frozenset()) | {Privilege.OWN}
        held[privileges.type] = here
    return held


def decide_on_share(principal: Principal, held: Collection[str]) -> Decision:
    """Decide whether a recipient with the privileges `held` on a share may read it."""
    if principal.type is PrincipalType.RECIPIENT and Privilege.SELECT in held:
        return Decision(True, "holds SELECT")
    return Decision(False, f"{principal.name} lacks SELECT")

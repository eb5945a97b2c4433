"""Decide whether a principal may do something, and say why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.governance.privileges import Privilege


@dataclass(frozen=True, slots=True)
class Decision:
    """The reason is for the audit log and, on the faces where existence is no secret, for the caller."""

    allowed: bool
    reason: str


def decide(principal: Principal, needed: Privilege, held: Collection[str]) -> Decision:
    """May `principal`, who holds the privileges `held` on the object, do what needs `needed`?

    The metastore's administrators may do everything but read through a share: that is what grants to
    recipients are for.
    """
    if principal.type is PrincipalType.ADMIN and needed is not Privilege.SELECT:
        return Decision(True, "metastore administrator")
    if needed in held:
        return Decision(True, f"holds {needed}")
    return Decision(False, f"{principal.name} lacks {needed}")

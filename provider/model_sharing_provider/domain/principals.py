"""Principals and callers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar
from uuid import uuid4

from model_sharing_provider.domain.recipient_limits import DEFAULT_LIMITS, RecipientLimits

ALL_USERS = "account users"
"""Group that implicitly contains every user and service principal (Databricks' name)."""


class PrincipalType(StrEnum):
    ADMIN = "ADMIN"
    USER = "USER"
    SERVICE_PRINCIPAL = "SERVICE_PRINCIPAL"
    GROUP = "GROUP"
    RECIPIENT = "RECIPIENT"
    ANONYMOUS = "ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Principal:
    """Principal with its groups; `token_id` is that of the token it presented, if any.

    `token_groups` are those that it is in by a claim of that token alone, and only for calls with it.
    `token_expires_at` (epoch ms) is the end of a recipient's token of this server, or of a user's token of
    another issuer, which is stored nowhere.
    `limits` are those of a recipient.
    """

    type: PrincipalType
    id: str
    name: str
    token_id: str = ""
    groups: tuple[Principal, ...] = ()
    token_groups: tuple[Principal, ...] = ()
    token_expires_at: int | None = field(default=None, compare=False)
    limits: RecipientLimits = field(default=DEFAULT_LIMITS, compare=False, repr=False)

    @property
    def all_groups(self) -> tuple[Principal, ...]:
        """Groups that it is a member of, and those of its token."""
        return *self.groups, *self.token_groups

    @property
    def identities(self) -> tuple[Principal, ...]:
        """Identities whose ownership and grants apply: the principal and its groups."""
        return self, *self.all_groups

    def with_token_groups(self, groups: Iterable[Principal]) -> Principal:
        """Principal in the groups of its token, besides those that it is a member of."""
        return replace(self, token_groups=tuple(each for each in groups if each not in self.groups))


ANONYMOUS = Principal(PrincipalType.ANONYMOUS, "", "anonymous")
MIRROR = Principal(PrincipalType.SERVICE_PRINCIPAL, "", "mirror")
"""This server itself, as it keeps shared catalogs true; it holds no privileges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """Personal access token, without its secret. `expires_at` is in epoch ms, None for never."""

    id: str
    comment: str = ""
    expires_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalInfo:
    """Principal as administrators see it, with the groups that it is in and, of a group, its members.

    The tokens of one that is not `active` are refused.
    """

    principal: Principal
    active: bool = True
    tokens: tuple[AccessToken, ...] = ()
    groups: tuple[Principal, ...] = ()
    member_principals: tuple[Principal, ...] = ()
    created_at: int

    @property
    def members(self) -> tuple[str, ...]:
        """Names of a group's members."""
        return tuple(member.name for member in self.member_principals)


@dataclass(frozen=True, slots=True)
class MemberChange:
    """Change of a group's members, given by their ids: SCIM's `add`, `remove` and `replace`.

    To `remove` without ids removes all.
    """

    operator: str
    ids: frozenset[str] | None

    def apply(self, members: set[str]) -> set[str]:
        """Members after the change."""
        match self.operator:
            case "add":
                return members | (self.ids or set())
            case "remove":
                return set() if self.ids is None else members - self.ids
            case _:
                return set(self.ids or ())


@dataclass(frozen=True, slots=True)
class NameFilter:
    """Filter of principals by name, whatever its case, by `eq`, `ne`, `sw` (prefix) or `co` (part)."""

    OPERATORS: ClassVar[tuple[str, ...]] = ("eq", "ne", "sw", "co")

    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller of a face: principal, address and request, for audit events."""

    principal: Principal
    face: str
    address: str = ""
    request_id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def token_groups(self) -> tuple[str, ...]:
        """Names of the groups that it is in by its token alone."""
        return tuple(group.name for group in self.principal.token_groups)

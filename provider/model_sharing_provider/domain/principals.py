"""Principals and callers: who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4

ALL_USERS = "account users"
"""The group that every user and service principal is in without being put there (Databricks' name)."""


class PrincipalType(StrEnum):
    ADMIN = "ADMIN"
    USER = "USER"
    SERVICE_PRINCIPAL = "SERVICE_PRINCIPAL"
    GROUP = "GROUP"
    RECIPIENT = "RECIPIENT"
    ANONYMOUS = "ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Principal:
    """`token_id` is the token that was presented, where one was; `groups` are those it is a member of."""

    type: PrincipalType
    id: str
    name: str
    token_id: str = ""
    groups: tuple[Principal, ...] = ()

    @property
    def identities(self) -> tuple[Principal, ...]:
        """Itself and its groups: what any of them owns or was granted, it may use."""
        return self, *self.groups


ANONYMOUS = Principal(PrincipalType.ANONYMOUS, "", "anonymous")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A personal access token; the secret itself is nowhere. `expires_at` is epoch ms, None for never."""

    id: str
    comment: str = ""
    expires_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalInfo:
    """A principal as administrators see it; `members` are the names in a group."""

    principal: Principal
    tokens: tuple[AccessToken, ...] = ()
    members: tuple[str, ...] = ()
    created_at: int


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal at a face: what an audit event says of who asked, from where, in which request."""

    principal: Principal
    face: str
    address: str = ""
    request_id: str = field(default_factory=lambda: uuid4().hex)

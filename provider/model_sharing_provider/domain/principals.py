"""Who is asking."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4


class PrincipalType(StrEnum):
    ADMIN = "ADMIN"
    RECIPIENT = "RECIPIENT"
    ANONYMOUS = "ANONYMOUS"


@dataclass(frozen=True, slots=True)
class Principal:
    """`token_id` is the recipient token that was presented; empty for everybody else."""

    type: PrincipalType
    id: str
    name: str
    token_id: str = ""


ANONYMOUS = Principal(PrincipalType.ANONYMOUS, "", "anonymous")


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal at a face: what an audit event says of who asked, from where, in which request."""

    principal: Principal
    face: str
    address: str = ""
    request_id: str = field(default_factory=lambda: uuid4().hex)

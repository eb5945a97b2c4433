"""Shares, what is in them, and the recipients they are granted to. Times are epoch ms."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel


class ShareObjectType(StrEnum):
    MODEL = "MODEL"
    SCHEMA = "SCHEMA"


class ShareObjectStatus(StrEnum):
    """An object that is not ACTIVE is out of the recipients' listings and stays visible to the admin."""

    ACTIVE = "ACTIVE"
    SOURCE_DELETED = "SOURCE_DELETED"
    PERMISSION_DENIED = "PERMISSION_DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`revision` grows whenever something leaves the share, which ends the signed URLs given out before."""

    id: str
    name: str
    comment: str = ""
    owner: str
    revision: int = 0
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareObject:
    """A model, or a schema with its present and future models, under the name recipients see.

    `shared_as` is `schema.model` for a model and `schema` for a schema.
    """

    type: ShareObjectType
    name: str
    shared_as: str
    status: ShareObjectStatus = ShareObjectStatus.ACTIVE
    added_at: int
    added_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedModelRef:
    """Name of a model in a share, and its id."""

    model_id: str
    shared_name: SharedName


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedModel:
    """A model as one share shows it."""

    share: Share
    shared_name: SharedName
    model: RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVersion:
    """A version as one share shows it.

    `sequence` tells an older look at the model from a newer one: when the share was last changed, then when
    the model was, with its versions and aliases.
    """

    share: Share
    shared_name: SharedName
    version: ModelVersion
    sequence: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientToken:
    """A token or, until it is activated, the promise of one. The secret itself is nowhere.

    `sealed_code` is the code of the activation link, encrypted, until the link is used.
    """

    id: str
    activated_at: int | None
    expires_at: int
    created_at: int
    sealed_code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """`ip_access_list` holds the networks that its credentials may be used from; none means all."""

    id: str
    name: str
    comment: str = ""
    owner: str
    ip_access_list: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    tokens: tuple[RecipientToken, ...] = ()
    created_at: int
    updated_at: int

    @property
    def activated(self) -> bool:
        """True if an activation link of the recipient was ever used."""
        return any(token.activated_at is not None for token in self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOverview:
    """A share with the names that recipients see in it (`schema.model`, or a whole `schema`), and theirs."""

    share: Share
    shared_as: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientOverview:
    """A recipient with the names of its shares.

    `last_used_at` is when its token was last good for a call, as far back as the audit log is read.
    """

    recipient: Recipient
    shares: tuple[str, ...] = ()
    last_used_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """A share that a model is in: under which name, and which recipients read it there."""

    share: str
    shared_as: str
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingProvider:
    """Somebody who shares with us: `endpoint` is theirs, and their token is kept sealed beside it."""

    id: str
    name: str
    comment: str = ""
    owner: str
    endpoint: str
    sealed_profile: str = field(repr=False)
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGrant:
    """A privilege of a recipient on a share. Its id is in every URL signed under it: no grant, no bytes."""

    id: str
    share: str
    recipient: str
    privilege: str
    granted_at: int
    granted_by: str

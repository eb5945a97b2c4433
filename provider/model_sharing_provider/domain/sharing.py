"""Shares, their objects, and recipients. Times are epoch ms."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from model_sharing_protocol.names import SharedName
from model_sharing_provider.domain.changes import FeedPosition
from model_sharing_provider.domain.recipient_limits import DEFAULT_LIMITS, RecipientLimits
from model_sharing_provider.domain.securables import ModelVersion, RegisteredModel
from model_sharing_provider.domain.skills import SkillMetadata
from model_sharing_provider.domain.terms import UnacceptedTerms


class ShareObjectType(StrEnum):
    MODEL = "MODEL"
    SCHEMA = "SCHEMA"
    TABLE = "TABLE"
    VOLUME = "VOLUME"
    SKILL = "SKILL"


class ShareObjectStatus(StrEnum):
    """Status of a shared object; recipients see only ACTIVE ones, administrators see all."""

    ACTIVE = "ACTIVE"
    SOURCE_DELETED = "SOURCE_DELETED"
    PERMISSION_DENIED = "PERMISSION_DENIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share; `revision` grows when an object is removed, which invalidates the signed URLs issued before.

    With `resharing`, recipients may share its models further.
    """

    id: str
    name: str
    comment: str = ""
    owner: str
    revision: int = 0
    resharing: bool = False
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareObject:
    """Object in a share: a model, a schema with its present and future models, a table, volume or skill.

    `shared_as` is the name for recipients: `schema.name`, or `schema` for a schema. The name of a table,
    volume or skill is its external location. `skill` is None for all but skills.
    """

    type: ShareObjectType
    name: str
    shared_as: str
    status: ShareObjectStatus = ShareObjectStatus.ACTIVE
    added_at: int
    added_by: str
    skill: SkillMetadata | None = None


@dataclass(frozen=True, slots=True)
class ShareChange:
    """Object to add to a share, or to remove; an empty `shared_as` means its own name."""

    adds: bool
    type: ShareObjectType
    name: str
    shared_as: str = ""


@dataclass(frozen=True, slots=True)
class SharedSchema:
    """Schema as seen in one share; one without models is of other assets alone."""

    name: str
    has_models: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFeed:
    """Change feed of a share as one recipient may read it; share and grant are None if it may not.

    `limited` means that the share's owner is not an administrator, so that some models may be hidden.
    `position` is that of the newest change in the metastore. `token_expires_at` (epoch ms) is 0 for a token
    that was revoked.
    """

    share: Share | None = None
    grant: ShareGrant | None = None
    limited: bool = True
    position: FeedPosition
    token_expires_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedModel:
    """Model as seen in one share."""

    share: Share
    shared_name: SharedName
    model: RegisteredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVersion:
    """Version as seen in one share.

    `sequence` orders the states of the model: the time of the share's last change, then that of the model's,
    including its versions and aliases. `unaccepted` are terms that the recipient has to accept before it is
    given files; it is empty in listings.
    """

    share: Share
    shared_name: SharedName
    version: ModelVersion
    sequence: tuple[int, int]
    unaccepted: tuple[UnacceptedTerms, ...] = ()


class AuthenticationType(StrEnum):
    """Authentication of a recipient: by tokens that it is given here, or by those of other issuers."""

    TOKEN = "TOKEN"  # noqa: S105 - a word
    OIDC_FEDERATION = "OIDC_FEDERATION"


class ProviderAuthentication(StrEnum):
    """Authentication at a provider: by a token of it, or by a client's credentials at its issuer."""

    TOKEN = "TOKEN"  # noqa: S105 - a word
    OAUTH_CLIENT_CREDENTIALS = "OAUTH_CLIENT_CREDENTIALS"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientToken:
    """Token of a recipient, perhaps not activated yet; without its secret.

    `sealed_code` is the code of the activation link, encrypted, until the link is used.
    """

    id: str
    activated_at: int | None
    expires_at: int
    created_at: int
    sealed_code: str = field(default="", repr=False)


MODELS_COUNTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationOffer:
    """Offer of an activation link to its recipient: the number of models in each share, by its name.

    Up to `MODELS_COUNTED` are counted; one more stands for any number. There are no shares for a link that
    was used, or has expired.
    """

    recipient: str
    token: RecipientToken
    shares: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Recipient; its credentials may be used from the networks in `ip_access_list`, or from all if empty."""

    id: str
    name: str
    comment: str = ""
    owner: str
    ip_access_list: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    authentication_type: AuthenticationType = AuthenticationType.TOKEN
    limits: RecipientLimits = DEFAULT_LIMITS
    tokens: tuple[RecipientToken, ...] = ()
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""

    @property
    def activated(self) -> bool:
        """True if the recipient has ever used an activation link."""
        return any(token.activated_at is not None for token in self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOverview:
    """Share with its shared names (`schema.model`, or a whole `schema`) and its recipients."""

    share: Share
    shared_as: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastCall:
    """Last successful call of a recipient: when it was (epoch ms), and from which address."""

    at: int
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientOverview:
    """Recipient with the names of its shares, and its last call, as far back as the audit log is read."""

    recipient: Recipient
    shares: tuple[str, ...] = ()
    last_call: LastCall | None = None

    @property
    def last_used_at(self) -> int | None:
        """Time of the last successful call, in epoch ms."""
        return self.last_call.at if self.last_call else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShare:
    """Share that contains a model, with the shared name and the recipients."""

    share: str
    shared_as: str
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionScope:
    """Contents of a catalog, schema or model that a deletion takes along; `size` is that of the files.

    `shares` are those of the caller that show some of it; `other_shares` is the number of other people's.
    """

    models: int
    versions: int
    size: int
    shares: tuple[ModelShare, ...] = ()
    other_shares: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingProvider:
    """Provider that shares with us: its endpoint, and our encrypted credentials there."""

    id: str
    name: str
    comment: str = ""
    owner: str
    endpoint: str
    authentication_type: ProviderAuthentication = ProviderAuthentication.TOKEN
    sealed_profile: str = field(repr=False)
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareGrant:
    """Grant of a share to a recipient. URLs signed under it contain its id, and end with it."""

    id: str
    share: str
    recipient: str
    privilege: str
    granted_at: int
    granted_by: str

"""Messages of Unity Catalog's REST API about sharing: shares, recipients and providers.

Source: Unity Catalog REST 2.1, with the field names of `databricks.sdk.service.sharing`. Times are epoch
milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from model_sharing_protocol.unity_catalog_base import Message, NotServed
from model_sharing_protocol.unity_catalog_permissions import PrivilegeAssignment

Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""Epoch milliseconds up to the end of the year 9999."""
Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Limit = Annotated[int, msgspec.Meta(ge=0, le=2**60)]


class SharedDataObject(Message):
    """Object in a share: `name` is the source's full name; recipients see `string_shared_as`."""

    name: str
    data_object_type: str | None = None
    string_shared_as: str | None = None
    shared_as: str | None = None
    comment: str | None = None
    status: str | None = None
    added_at: int | None = None
    added_by: str | None = None


class GivenDataObject(Message):
    """Data object to add to a share or remove from it, with the fields of `SharedDataObject`."""

    name: str
    data_object_type: str | None = None
    string_shared_as: str | None = None
    shared_as: str | None = None
    comment: Literal[""] | None = None
    history_data_sharing_status: Literal["DISABLED"] | None = None
    content: NotServed = None
    partitions: NotServed = None
    cdf_enabled: NotServed = None
    start_version: NotServed = None


class ShareUpdate(Message):
    action: Literal["ADD", "REMOVE", "UPDATE"]
    data_object: GivenDataObject


class ShareInfo(Message):
    """Share. `resharing`, true if recipients may share its models further: EXTENSION, here and below."""

    name: str
    owner: str
    id: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""
    objects: tuple[SharedDataObject, ...] | None = None
    resharing: bool = False


class CreateShare(Message):
    name: str
    comment: str = ""
    resharing: bool = False
    storage_root: NotServed = None


class UpdateShare(Message):
    updates: tuple[ShareUpdate, ...] = ()
    resharing: bool | None = None
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None
    storage_root: NotServed = None


class VersionPull(Message):
    """EXTENSION: pulls of a version by a recipient. `size` is that of the version's files."""

    recipient: str
    version: int
    first_at: int
    last_at: int
    pulls: int
    size: int


class AliasLag(Message):
    """EXTENSION: number of versions by which a recipient is behind an alias."""

    recipient: str
    alias: str
    version: int
    newest_pulled: int
    behind: int


class ModelPulls(Message):
    """EXTENSION: recipients that pulled versions of a model, latest first, and how far they are behind."""

    pulls: tuple[VersionPull, ...]
    aliases: tuple[AliasLag, ...]


class RecipientTokenInfo(Message):
    id: str
    expiration_time: int
    created_at: int
    activation_url: str = ""


class IpAccessList(Message):
    allowed_ip_addresses: tuple[str, ...] = ()


class Properties(Message):
    properties: dict[str, str] = msgspec.field(default_factory=dict)


class RecipientLimits(Message):
    """EXTENSION: limits of a recipient's own; 0 is no limit, null that of the provider's settings."""

    requests_per_minute: Limit | None = None
    bytes_per_day: Limit | None = None
    bytes_per_month: Limit | None = None


class RecipientInfo(Message):
    name: str
    authentication_type: str
    owner: str
    id: str
    activated: bool
    tokens: tuple[RecipientTokenInfo, ...]
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""
    activation_url: str = ""
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None
    limits: RecipientLimits | None = None


class CreateRecipient(Message):
    name: str
    authentication_type: str = "TOKEN"
    comment: str = ""
    expiration_time: Moment | None = None
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None
    owner: str | None = None
    data_recipient_global_metastore_id: NotServed = None
    sharing_code: NotServed = None
    id: NotServed = None


class OidcFederationPolicy(Message):
    """Tokens that a policy accepts: `subject_claim` is or contains `subject`, `aud` one of `audiences`."""

    issuer: str
    subject_claim: str
    subject: str
    audiences: tuple[str, ...] = ()


class FederationPolicy(Message):
    """Federation policy of a recipient; its times are RFC 3339."""

    id: str
    name: str
    oidc_policy: OidcFederationPolicy
    create_time: str
    update_time: str
    comment: str = ""


class CreateFederationPolicy(Message):
    oidc_policy: OidcFederationPolicy
    name: str | None = None
    comment: str = ""


class FederationPolicies(Message):
    policies: tuple[FederationPolicy, ...]
    next_page_token: str = ""


class UpdateRecipient(Message):
    """Update of a recipient; to change the token's expiry, use `rotate-token`.

    EXTENSION: `limits`, which replace all of its own.
    """

    expiration_time: NotServed = None
    id: NotServed = None
    new_name: str | None = None
    comment: str | None = None
    owner: str | None = None
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None
    limits: RecipientLimits | None = None


class RecipientProfile(Message):
    """Parts of a profile that are not secret."""

    share_credentials_version: int
    endpoint: str


class RotateToken(Message):
    existing_token_expire_in_seconds: Seconds


class ProviderInfo(Message):
    name: str
    authentication_type: str
    owner: str
    recipient_profile: RecipientProfile
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""


class CreateProvider(Message):
    name: str
    authentication_type: str = "TOKEN"
    recipient_profile_str: str = ""
    comment: str = ""


class UpdateProvider(Message):
    new_name: str | None = None
    comment: str | None = None
    owner: str | None = None
    recipient_profile_str: str | None = None


class ProviderShare(Message):
    name: str


class SharePermission(Message):
    share_name: str
    privilege_assignments: tuple[PrivilegeAssignment, ...]


class RecipientSharePermissions(Message):
    permissions_out: tuple[SharePermission, ...]
    next_page_token: str = ""

"""The messages of Unity Catalog's REST API that our provider speaks (snake case JSON, as the SDKs have it).

Source: Unity Catalog REST 2.1, with the field names of `databricks.sdk.service.catalog` and `.sharing`.
Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from model_sharing_protocol.names import MAX_VERSION

PREFIX = "/api/2.1/unity-catalog"
JSON = "application/json"


VersionNumber = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]
"""Epoch milliseconds up to the end of the year 9999."""
Seconds = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Message(msgspec.Struct, omit_defaults=True):
    """Fields that a client sends and we do not know are ignored, as Unity Catalog does."""


class CatalogInfo(_Message):
    name: str
    owner: str
    id: str
    full_name: str
    catalog_type: str
    securable_type: str
    created_at: int
    updated_at: int
    comment: str = ""
    properties: dict[str, str] = {}


class CreateCatalog(_Message):
    name: str
    comment: str = ""
    properties: dict[str, str] = {}
    storage_root: str | None = None
    provider_name: str | None = None
    share_name: str | None = None


class UpdateSecurable(_Message):
    """PATCH of a catalog or schema; what is missing stays as it is."""

    new_name: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None
    owner: str | None = None


class SchemaInfo(_Message):
    name: str
    catalog_name: str
    full_name: str
    owner: str
    schema_id: str
    created_at: int
    updated_at: int
    comment: str = ""
    properties: dict[str, str] = {}


class CreateSchema(_Message):
    name: str
    catalog_name: str
    comment: str = ""
    properties: dict[str, str] = {}
    storage_root: str | None = None


class Tag(_Message):
    key: str
    value: str = ""


class TagChanges(_Message):
    add_tags: tuple[Tag, ...] = ()
    remove: tuple[str, ...] = ()


class UpdateTags(_Message):
    changes: TagChanges


class EntityTagAssignment(_Message):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str = ""


class UpdateEntityTag(_Message):
    tag_value: str = ""


class ModelAlias(_Message):
    """An alias with the version it points at, and the model it belongs to where that is asked for."""

    alias_name: str
    version_num: int
    model_name: str | None = None
    catalog_name: str | None = None
    schema_name: str | None = None


class RegisteredModelInfo(_Message):
    name: str
    catalog_name: str
    schema_name: str
    full_name: str
    owner: str
    id: str
    storage_location: str
    created_at: int
    updated_at: int
    comment: str = ""
    aliases: tuple[ModelAlias, ...] | None = None
    tags: tuple[Tag, ...] = ()


class CreateRegisteredModel(_Message):
    name: str
    catalog_name: str
    schema_name: str
    comment: str = ""
    tags: tuple[Tag, ...] = ()
    storage_location: str | None = None


class UpdateRegisteredModel(_Message):
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None


class SetAlias(_Message):
    version_num: VersionNumber


class ModelVersionInfo(_Message):
    model_name: str
    catalog_name: str
    schema_name: str
    version: int
    status: str
    id: str
    storage_location: str
    created_at: int
    created_by: str
    updated_at: int
    model_id: str
    comment: str = ""
    source: str = ""
    run_id: str = ""
    aliases: tuple[ModelAlias, ...] | None = None
    tags: tuple[Tag, ...] = ()


class CreateModelVersion(_Message):
    """`source` may be `models:/catalog.schema.model/3`: the new version starts with that one's files."""

    model_name: str
    catalog_name: str
    schema_name: str
    source: str = ""
    run_id: str = ""
    comment: str = ""
    model_id: str = ""
    tags: tuple[Tag, ...] = ()


class TemporaryCredentialsRequest(_Message):
    catalog_name: str
    schema_name: str
    model_name: str
    version: VersionNumber
    operation: str = "READ_MODEL_VERSION"


class TemporaryCredentials(_Message):
    """`DEFAULT_STORAGE` tells MLflow to fetch presigned URLs from the Files API."""

    storage_mode: str
    expiration_time: int


class LineageInfo(_Message):
    direction: str
    recorded_at: int
    recorded_by: str
    payload: dict[str, Any]


class VersionLineage(_Message):
    lineage: tuple[LineageInfo, ...]


class CopyModelVersion(_Message):
    """EXTENSION: copy a version on the server."""

    destination: str


class UpdateModelVersion(_Message):
    comment: str | None = None


class SharedDataObject(_Message):
    """`name` is the source's full name; `string_shared_as` what recipients see."""

    name: str
    data_object_type: str | None = None
    string_shared_as: str | None = None
    shared_as: str | None = None
    comment: str | None = None
    status: str | None = None
    added_at: int | None = None
    added_by: str | None = None


class ShareUpdate(_Message):
    action: Literal["ADD", "REMOVE", "UPDATE"]
    data_object: SharedDataObject


class ShareInfo(_Message):
    name: str
    owner: str
    id: str
    created_at: int
    updated_at: int
    comment: str = ""
    objects: tuple[SharedDataObject, ...] | None = None


class CreateShare(_Message):
    name: str
    comment: str = ""


class UpdateShare(_Message):
    updates: tuple[ShareUpdate, ...] = ()
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None


class PrivilegeAssignment(_Message):
    principal: str
    privileges: tuple[str, ...]


class Permissions(_Message):
    privilege_assignments: tuple[PrivilegeAssignment, ...]


class EffectivePrivilege(_Message):
    """Where it was granted is left out for a grant on the securable itself."""

    privilege: str
    inherited_from_type: str | None = None
    inherited_from_name: str | None = None


class EffectivePrivilegeAssignment(_Message):
    principal: str
    privileges: tuple[EffectivePrivilege, ...]


class EffectivePermissions(_Message):
    privilege_assignments: tuple[EffectivePrivilegeAssignment, ...]


class PermissionsChange(_Message):
    principal: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class UpdatePermissions(_Message):
    changes: tuple[PermissionsChange, ...] = ()


class RecipientTokenInfo(_Message):
    id: str
    expiration_time: int
    created_at: int
    activation_url: str = ""


class IpAccessList(_Message):
    allowed_ip_addresses: tuple[str, ...] = ()


class Properties(_Message):
    properties: dict[str, str] = {}


class RecipientInfo(_Message):
    name: str
    authentication_type: str
    owner: str
    id: str
    activated: bool
    tokens: tuple[RecipientTokenInfo, ...]
    created_at: int
    updated_at: int
    comment: str = ""
    activation_url: str = ""
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None


class CreateRecipient(_Message):
    name: str
    authentication_type: str = "TOKEN"
    comment: str = ""
    expiration_time: Moment | None = None
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None
    owner: str | None = None


class UpdateRecipient(_Message):
    new_name: str | None = None
    comment: str | None = None
    owner: str | None = None
    ip_access_list: IpAccessList | None = None
    properties_kvpairs: Properties | None = None


class RecipientProfile(_Message):
    """Of a profile, what is no secret."""

    share_credentials_version: int
    endpoint: str


class ProviderInfo(_Message):
    name: str
    authentication_type: str
    owner: str
    recipient_profile: RecipientProfile
    created_at: int
    updated_at: int
    comment: str = ""


class CreateProvider(_Message):
    name: str
    authentication_type: str = "TOKEN"
    recipient_profile_str: str = ""
    comment: str = ""


class UpdateProvider(_Message):
    new_name: str | None = None
    comment: str | None = None
    owner: str | None = None
    recipient_profile_str: str | None = None


class ProviderShare(_Message):
    name: str


class MetastoreAssignment(_Message):
    metastore_id: str
    workspace_id: int
    default_catalog_name: str


class MetastoreSummary(_Message):
    metastore_id: str
    name: str
    owner: str
    created_at: int
    privilege_model_version: str
    delta_sharing_scope: str
    cloud: str
    region: str


class RotateToken(_Message):
    existing_token_expire_in_seconds: Seconds


class SharePermission(_Message):
    share_name: str
    privilege_assignments: tuple[PrivilegeAssignment, ...]


class RecipientSharePermissions(_Message):
    permissions_out: tuple[SharePermission, ...]


class ErrorAnswer(msgspec.Struct):
    error_code: str
    message: str
    details: list[dict[str, Any]] = []

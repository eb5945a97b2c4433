"""Messages of Unity Catalog's REST API that our provider supports (snake case JSON, as in the SDKs).

Source: Unity Catalog REST 2.1, with the field names of `databricks.sdk.service.catalog`. Shares, recipients
and providers are in `unity_catalog_sharing`. Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from model_sharing_protocol.unity_catalog_base import Message, NotServed, VersionNumber
from model_sharing_protocol.unity_catalog_extensions import (
    MirrorInfo,
    OriginInfo,
    RecallInfo,
    SummaryInfo,
)

PREFIX = "/api/2.1/unity-catalog"
JSON = "application/json"


class CatalogInfo(Message):
    """Catalog. `mirror`: EXTENSION, present for one that is made from a share."""

    name: str
    owner: str
    id: str
    full_name: str
    catalog_type: str
    securable_type: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    provider_name: str | None = None
    share_name: str | None = None
    mirror: MirrorInfo | None = None


class CreateCatalog(Message):
    """New catalog; from `provider_key_fingerprint` on: EXTENSION, for one that is made from a share."""

    name: str
    comment: str = ""
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    storage_root: str | None = None
    provider_name: str | None = None
    share_name: str | None = None
    connection_name: NotServed = None
    custom_max_retention_hours: NotServed = None
    managed_encryption_settings: NotServed = None
    options: NotServed = None
    provider_key_fingerprint: str | None = None
    broker: bool = False
    accept_terms: tuple[str, ...] = ()


class UpdateSecurable(Message):
    """PATCH of a catalog or schema; missing fields stay unchanged."""

    new_name: str | None = None
    comment: str | None = None
    properties: dict[str, str] | None = None
    owner: str | None = None
    custom_max_retention_hours: NotServed = None
    enable_predictive_optimization: Literal["INHERIT"] | None = None
    isolation_mode: Literal["OPEN"] | None = None
    managed_encryption_settings: NotServed = None
    options: NotServed = None


class SchemaInfo(Message):
    name: str
    catalog_name: str
    full_name: str
    owner: str
    schema_id: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""
    properties: dict[str, str] = msgspec.field(default_factory=dict)


class CreateSchema(Message):
    name: str
    catalog_name: str
    comment: str = ""
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    storage_root: str | None = None
    custom_max_retention_hours: NotServed = None


class Tag(Message):
    key: str
    value: str = ""


class TagChanges(Message):
    add_tags: tuple[Tag, ...] = ()
    remove: tuple[str, ...] = ()


class UpdateTags(Message):
    changes: TagChanges


class EntityTagAssignment(Message):
    entity_type: str
    entity_name: str
    tag_key: str
    tag_value: str = ""
    source_type: NotServed = None
    update_time: NotServed = None
    updated_by: NotServed = None


class UpdateEntityTag(Message):
    """New value of a tag; the other fields of the body repeat the path."""

    tag_value: str = ""
    entity_type: str | None = None
    entity_name: str | None = None
    tag_key: str | None = None
    source_type: NotServed = None
    update_time: NotServed = None
    updated_by: NotServed = None


class ModelAlias(Message):
    """Alias with the version it points at, and with its model where that is requested."""

    alias_name: str
    version_num: int
    model_name: str | None = None
    catalog_name: str | None = None
    schema_name: str | None = None


class GivenAlias(Message):
    """Alias to set; the model, if named, must be the one in the path."""

    alias_name: str
    version_num: VersionNumber
    model_name: str | None = None
    catalog_name: str | None = None
    schema_name: str | None = None
    id: str | None = None


class RegisteredModelInfo(Message):
    """Registered model. `format`, `license` and `summary`, those of its newest READY version: EXTENSION."""

    name: str
    catalog_name: str
    schema_name: str
    full_name: str
    owner: str
    id: str
    storage_location: str
    created_at: int
    updated_at: int
    created_by: str = ""
    updated_by: str = ""
    comment: str = ""
    aliases: tuple[ModelAlias, ...] | None = None
    tags: tuple[Tag, ...] = ()
    format: str | None = None
    license: str | None = None
    summary: SummaryInfo | None = None


class CreateRegisteredModel(Message):
    name: str
    catalog_name: str
    schema_name: str
    comment: str = ""
    tags: tuple[Tag, ...] = ()
    aliases: tuple[GivenAlias, ...] = ()
    storage_location: str | None = None
    full_name: NotServed = None
    owner: NotServed = None
    browse_only: NotServed = None
    metastore_id: NotServed = None
    created_at: NotServed = None
    created_by: NotServed = None
    updated_at: NotServed = None
    updated_by: NotServed = None


class UpdateRegisteredModel(Message):
    """Fields that stay as they are may be sent along, as they were read."""

    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None
    aliases: tuple[GivenAlias, ...] | None = None
    name: str | None = None
    catalog_name: str | None = None
    schema_name: str | None = None
    storage_location: str | None = None
    created_at: int | None = None
    browse_only: NotServed = None
    metastore_id: NotServed = None
    created_by: str | None = None
    updated_at: NotServed = None
    updated_by: NotServed = None


class SetAlias(Message):
    version_num: VersionNumber


class ModelVersionInfo(Message):
    """Version of a registered model. From `recalled` on: EXTENSION."""

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
    updated_by: str = ""
    comment: str = ""
    source: str = ""
    run_id: str = ""
    aliases: tuple[ModelAlias, ...] | None = None
    tags: tuple[Tag, ...] = ()
    recalled: RecallInfo | None = None
    origin: OriginInfo | None = None
    format: str | None = None
    license: str | None = None
    summary: SummaryInfo | None = None


class CreateModelVersion(Message):
    """Request to create a version; with a `source` like `models:/catalog.schema.model/3`, from its files."""

    model_name: str
    catalog_name: str
    schema_name: str
    source: str = ""
    run_id: str = ""
    comment: str = ""
    model_id: str = ""
    tags: tuple[Tag, ...] = ()


class TemporaryCredentialsRequest(Message):
    catalog_name: str
    schema_name: str
    model_name: str
    version: VersionNumber
    operation: str = "READ_MODEL_VERSION"


class _Secret(Message):
    """Secret that is shown nowhere but on the wire."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class SessionKeys(_Secret):
    """Keys for an S3 client, which go together with a session token."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class SasToken(_Secret):
    sas_token: str


class OauthToken(_Secret):
    oauth_token: str


class TemporaryCredentials(Message):
    """Temporary credentials; `DEFAULT_STORAGE` makes MLflow get presigned URLs from the Files API.

    If the storage issues credentials, one field is set, for clients that access the storage directly.
    """

    expiration_time: int
    storage_mode: str = ""
    aws_temp_credentials: SessionKeys | None = None
    azure_user_delegation_sas: SasToken | None = None
    gcp_oauth_token: OauthToken | None = None
    r2_credentials: SessionKeys | None = msgspec.field(name="r2_temp_credentials", default=None)


class LineageInfo(Message):
    direction: str
    recorded_at: int
    recorded_by: str
    payload: dict[str, Any]


class VersionLineage(Message):
    lineage: tuple[LineageInfo, ...]


class CopyModelVersion(Message):
    """EXTENSION: copy a version on the server."""

    destination: str


class UpdateModelVersion(Message):
    """Fields that stay as they are may be sent along, as they were read."""

    comment: str | None = None
    aliases: tuple[GivenAlias, ...] | None = None
    model_name: str | None = None
    catalog_name: str | None = None
    schema_name: str | None = None
    id: str | None = None
    status: str | None = None
    storage_location: str | None = None
    created_at: int | None = None
    created_by: str | None = None
    source: NotServed = None
    run_id: NotServed = None
    model_version_dependencies: NotServed = None
    run_workspace_id: NotServed = None
    metastore_id: NotServed = None
    updated_at: NotServed = None
    updated_by: NotServed = None


class MetastoreAssignment(Message):
    metastore_id: str
    workspace_id: int
    default_catalog_name: str


class MetastoreSummary(Message):
    metastore_id: str
    name: str
    owner: str
    created_at: int
    privilege_model_version: str
    delta_sharing_scope: str
    cloud: str
    region: str


class ErrorAnswer(msgspec.Struct):
    error_code: str
    message: str
    details: list[dict[str, Any]] = []

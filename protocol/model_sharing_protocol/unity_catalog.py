"""The messages of Unity Catalog's REST API that our provider speaks (snake case JSON, as the SDKs have it).

Source: Unity Catalog REST 2.1, with the field names of `databricks.sdk.service.catalog` and `.sharing`.
Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PREFIX = "/api/2.1/unity-catalog"
JSON = "application/json"


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


class CreateCatalog(_Message):
    name: str
    comment: str = ""


class SchemaInfo(_Message):
    name: str
    catalog_name: str
    full_name: str
    owner: str
    schema_id: str
    created_at: int
    updated_at: int
    comment: str = ""


class CreateSchema(_Message):
    name: str
    catalog_name: str
    comment: str = ""


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


class CreateRegisteredModel(_Message):
    name: str
    catalog_name: str
    schema_name: str
    comment: str = ""


class UpdateRegisteredModel(_Message):
    comment: str | None = None
    new_name: str | None = None
    owner: str | None = None


class SetAlias(_Message):
    version_num: int


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
    comment: str = ""
    source: str = ""
    run_id: str = ""
    aliases: tuple[ModelAlias, ...] | None = None


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


class CreateRecipient(_Message):
    name: str
    authentication_type: str = "TOKEN"
    comment: str = ""
    expiration_time: int | None = None


class RotateToken(_Message):
    existing_token_expire_in_seconds: int


class SharePermission(_Message):
    share_name: str
    privilege_assignments: tuple[PrivilegeAssignment, ...]


class RecipientSharePermissions(_Message):
    permissions_out: tuple[SharePermission, ...]


class ErrorAnswer(msgspec.Struct):
    error_code: str
    message: str
    details: list[dict[str, Any]] = []

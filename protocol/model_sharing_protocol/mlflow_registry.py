"""Messages of MLflow's Unity Catalog registry protocol (`databricks-uc`), as JSON.

Source: `mlflow/protos/databricks_uc_registry_messages.proto` of MLflow 3.17. Times are epoch milliseconds;
versions are strings in responses, strings or numbers in requests.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from model_sharing_protocol.unity_catalog import TemporaryCredentials

PREFIX = "/api/2.0/mlflow/unity-catalog"
JSON = "application/json"


class _Message(msgspec.Struct, omit_defaults=True):
    """Message of this protocol; unknown fields are ignored, as in protobuf's JSON."""


class KeyValue(_Message):
    key: str
    value: str = ""


class Alias(_Message):
    alias: str
    version: str


class RegisteredModel(_Message):
    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    description: str = ""
    aliases: tuple[Alias, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class RegisteredModelAnswer(_Message):
    registered_model: RegisteredModel


class RegisteredModels(_Message):
    registered_models: tuple[RegisteredModel, ...]
    next_page_token: str = ""


class ModelVersion(_Message):
    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str
    status: str
    storage_location: str
    model_id: str
    description: str = ""
    source: str = ""
    run_id: str = ""
    status_message: str = ""
    aliases: tuple[Alias, ...] = ()
    tags: tuple[KeyValue, ...] = ()


class ModelVersionAnswer(_Message):
    model_version: ModelVersion


class ModelVersions(_Message):
    model_versions: tuple[ModelVersion, ...]
    next_page_token: str = ""


class CreateRegisteredModel(_Message):
    """Request to create a model. Deployment jobs are not supported; an empty id means none."""

    name: str
    description: str = ""
    tags: tuple[KeyValue, ...] = ()
    deployment_job_id: Literal[""] | None = None


class UpdateRegisteredModel(_Message):
    name: str
    new_name: str | None = None
    description: str | None = None
    deployment_job_id: Literal[""] | None = None


class ModelRequest(_Message):
    name: str


class AliasRequest(_Message):
    name: str
    alias: str


class SetAlias(_Message):
    name: str
    alias: str
    version: str | int


class SetTag(_Message):
    name: str
    key: str
    value: str = ""


class DeleteTag(_Message):
    name: str
    key: str


class CreateModelVersion(_Message):
    name: str
    source: str = ""
    run_id: str = ""
    description: str = ""
    model_id: str = ""
    tags: tuple[KeyValue, ...] = ()


class UpdateModelVersion(_Message):
    name: str
    version: str | int
    description: str | None = None


class VersionRequest(_Message):
    name: str
    version: str | int


class SetVersionTag(_Message):
    name: str
    version: str | int
    key: str
    value: str = ""


class DeleteVersionTag(_Message):
    name: str
    version: str | int
    key: str


class TemporaryCredentialsRequest(_Message):
    name: str
    version: str | int
    operation: str = "MODEL_VERSION_OPERATION_READ"


class TemporaryCredentialsAnswer(_Message):
    credentials: TemporaryCredentials


class DownloadUri(_Message):
    artifact_uri: str


class LineageInfo(_Message):
    direction: Literal["UPSTREAM", "DOWNSTREAM"] = "DOWNSTREAM"
    entities: tuple[dict[str, Any], ...] = ()


class EmitLineage(_Message):
    name: str
    version: str | int
    model_version_lineage_info: LineageInfo
    securable: dict[str, Any] | None = None


class SdkArtifactsEnabled(msgspec.Struct):
    is_databricks_sdk_models_artifact_repository_enabled: bool

"""Messages of MLflow's REST API, with the fields that an import reads."""

from __future__ import annotations

import msgspec


class Tag(msgspec.Struct):
    key: str
    value: str = ""


class Alias(msgspec.Struct):
    alias: str
    version: str


class RegisteredModel(msgspec.Struct):
    name: str
    description: str = ""
    tags: list[Tag] = []
    aliases: list[Alias] = []


class ModelVersion(msgspec.Struct):
    """Model version; `source` is its origin, `status` is READY once its files are complete."""

    name: str
    version: str
    description: str = ""
    source: str = ""
    run_id: str = ""
    status: str = "READY"
    tags: list[Tag] = []


class RegisteredModelAnswer(msgspec.Struct):
    registered_model: RegisteredModel


class RegisteredModelsPage(msgspec.Struct):
    registered_models: list[RegisteredModel] = []
    next_page_token: str = ""


class ModelVersionsPage(msgspec.Struct):
    model_versions: list[ModelVersion] = []
    next_page_token: str = ""


class DownloadUri(msgspec.Struct):
    artifact_uri: str = ""


class LoggedModelInfo(msgspec.Struct):
    artifact_uri: str
    name: str = ""


class LoggedModel(msgspec.Struct):
    info: LoggedModelInfo


class LoggedModelAnswer(msgspec.Struct):
    model: LoggedModel


class RunInfo(msgspec.Struct):
    artifact_uri: str


class ModelOutput(msgspec.Struct):
    model_id: str = ""


class RunOutputs(msgspec.Struct):
    model_outputs: list[ModelOutput] = []


class Run(msgspec.Struct):
    """Run; `outputs` are the models that MLflow 3 logged in it."""

    info: RunInfo
    outputs: RunOutputs = msgspec.field(default_factory=RunOutputs)


class RunAnswer(msgspec.Struct):
    run: Run


class ArtifactEntry(msgspec.Struct):
    """File or folder; `path` is its name in the listed folder."""

    path: str
    is_dir: bool = False
    file_size: int | None = None


class ArtifactListing(msgspec.Struct):
    files: list[ArtifactEntry] = []


class ErrorAnswer(msgspec.Struct):
    error_code: str = ""
    message: str = ""

"""MLflow's routes: the registry protocol of `mlflow.set_registry_uri("databricks-uc")`."""

from __future__ import annotations

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import AlreadyExists, NotFound
from model_sharing_provider.faces.openapi.routes import (
    MODEL_NAME,
    NAME,
    PAGE_SIZE,
    TEXT,
    UNITY_CATALOG_ERRORS,
    VERSION,
    Face,
    Nothing,
    Query,
    Route,
)

_MODELS = wire.PREFIX + "/registered-models"
_VERSIONS = wire.PREFIX + "/model-versions"
_PAGE = (Query("max_results", PAGE_SIZE), Query("page_token", TEXT))
_NAME = (Query("name", MODEL_NAME, required=True),)
_ALIAS = (*_NAME, Query("alias", NAME, required=True))
_NUMBER = (*_NAME, Query("version", VERSION, required=True))
_FILTER = (Query("filter", TEXT, required=True), *_PAGE)
_ABSENT = (NotFound,)
_ABSENT_OR_TAKEN = (NotFound, AlreadyExists)
_MODEL = wire.RegisteredModelAnswer
_VERSION = wire.ModelVersionAnswer

_REGISTERED_MODELS = (
    Route(
        "POST",
        _MODELS + "/create",
        "New registered model",
        _MODEL,
        wire.CreateRegisteredModel,
        errors=_ABSENT_OR_TAKEN,
    ),
    Route(
        "PATCH",
        _MODELS + "/update",
        "Rename or describe a model",
        _MODEL,
        wire.UpdateRegisteredModel,
        errors=_ABSENT_OR_TAKEN,
    ),
    Route("DELETE", _MODELS + "/delete", "Delete a model", Nothing, wire.ModelRequest, errors=_ABSENT),
    Route("GET", _MODELS + "/get", "A model", _MODEL, query=_NAME, errors=_ABSENT),
    Route("GET", _MODELS + "/search", "All models", wire.RegisteredModels, query=_PAGE),
    Route("POST", _MODELS + "/alias", "Set an alias", Nothing, wire.SetAlias, errors=_ABSENT),
    Route("DELETE", _MODELS + "/alias", "Delete an alias", Nothing, wire.AliasRequest, errors=_ABSENT),
    Route("GET", _MODELS + "/alias", "The version of an alias", _VERSION, query=_ALIAS, errors=_ABSENT),
    Route("POST", _MODELS + "/set-tag", "Set a tag of a model", Nothing, wire.SetTag, errors=_ABSENT),
    Route("DELETE", _MODELS + "/delete-tag", "Remove a tag", Nothing, wire.DeleteTag, errors=_ABSENT),
    Route(
        "GET",
        _MODELS + ":is-databricks-sdk-models-artifact-repository-enabled",
        "Whether files move by the SDK's Files API rather than by presigned URLs",
        wire.SdkArtifactsEnabled,
    ),
)

_MODEL_VERSIONS = (
    Route(
        "POST",
        _VERSIONS + "/create",
        "New version, to upload files to",
        _VERSION,
        wire.CreateModelVersion,
        errors=_ABSENT,
    ),
    Route(
        "POST",
        _VERSIONS + "/finalize",
        "Make a version READY",
        _VERSION,
        wire.VersionRequest,
        errors=_ABSENT,
    ),
    Route(
        "PATCH",
        _VERSIONS + "/update",
        "Describe a version",
        _VERSION,
        wire.UpdateModelVersion,
        errors=_ABSENT,
    ),
    Route("DELETE", _VERSIONS + "/delete", "Delete a version", Nothing, wire.VersionRequest, errors=_ABSENT),
    Route("GET", _VERSIONS + "/get", "A version", _VERSION, query=_NUMBER, errors=_ABSENT),
    Route(
        "GET",
        _VERSIONS + "/search",
        "The versions of a model or of a run: name='…' or run_id='…'",
        wire.ModelVersions,
        query=_FILTER,
    ),
    Route(
        "POST",
        _VERSIONS + "/generate-temporary-credentials",
        "How to move a version's files",
        wire.TemporaryCredentialsAnswer,
        wire.TemporaryCredentialsRequest,
        errors=_ABSENT,
    ),
    Route(
        "GET",
        _VERSIONS + "/get-download-uri",
        "A version's location",
        wire.DownloadUri,
        query=_NUMBER,
        errors=_ABSENT,
    ),
    Route(
        "POST",
        _VERSIONS + "/set-tag",
        "Set a tag of a version",
        Nothing,
        wire.SetVersionTag,
        errors=_ABSENT,
    ),
    Route(
        "DELETE",
        _VERSIONS + "/delete-tag",
        "Remove a tag of a version",
        Nothing,
        wire.DeleteVersionTag,
        errors=_ABSENT,
    ),
    Route(
        "POST",
        _VERSIONS + "/emit-lineage",
        "Note what a version was used for",
        Nothing,
        wire.EmitLineage,
        errors=_ABSENT,
    ),
)

FACE = Face(
    title="MLflow registry",
    about="The registry for MLflow's client `databricks-uc`, by the bearer token of a principal. "
    "Other paths under `/api/2.0/mlflow` and `/api/3.0/mlflow` are passed on to an MLflow tracking server.",
    json=wire.JSON,
    errors=UNITY_CATALOG_ERRORS,
    routes=(*_REGISTERED_MODELS, *_MODEL_VERSIONS),
)

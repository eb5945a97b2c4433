"""MLflow registry face: the registry protocol of `mlflow.set_registry_uri("databricks-uc")`.

Source: MLflow 3.17, `databricks_uc_registry_service.proto`; the messages are in
`model_sharing_protocol.mlflow_registry`.
"""

from __future__ import annotations

from model_sharing_protocol.mlflow_registry import PREFIX
from model_sharing_provider.faces.mlflow_registry import (
    aliases,
    models,
    prompts,
    version_files,
    version_search,
    versions,
)
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.routes import Face

FACE = Face(
    name="mlflow-registry",
    prefix=PREFIX,
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    title="MLflow registry",
    description="The registry for MLflow's client `databricks-uc`, by the bearer token of a principal. "
    "Other paths under `/api/2.0/mlflow` and `/api/3.0/mlflow` are passed on to an MLflow tracking server.",
    routes=(
        *models.ROUTES,
        *aliases.ROUTES,
        *prompts.ROUTES,
        *versions.ROUTES,
        *version_search.ROUTES,
        *version_files.ROUTES,
    ),
)

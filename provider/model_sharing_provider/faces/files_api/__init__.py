"""Files API face: files of versions by path, presigned URLs for them, and artifacts of runs.

Source: Databricks Files API as `databricks.sdk` 0.156 and MLflow 3.17 call it. MLflow asks for presigned
URLs; the SDK reads and writes files here, in parts if they are larger than 50 MiB.
"""

from __future__ import annotations

from dataclasses import replace

from model_sharing_protocol import files_api as wire
from model_sharing_provider.faces.files_api import directories, files, presigned_urls, run_artifacts
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import NAME, NOT_EMPTY, VERSION
from model_sharing_provider.http.routes import Face

_ERRORS = replace(UNITY_CATALOG_ERRORS, look_up=lambda row: (row.unity_catalog_status, wire.error_code(row)))

FACE = Face(
    name="files",
    prefix=wire.PREFIX,
    authentication=authenticate_principal,
    errors=_ERRORS,
    title="Files",
    description="The Files API for the files of versions, by the bearer token of a principal.",
    parameters={
        "catalog": NAME,
        "schema": NAME,
        "model": NAME,
        "version": VERSION,
        "path": NOT_EMPTY,
        "artifact": NOT_EMPTY,
    },
    # Artifacts of runs come first: their paths also match those of files and directories.
    routes=(*run_artifacts.ROUTES, *directories.ROUTES, *files.ROUTES, *presigned_urls.ROUTES),
)

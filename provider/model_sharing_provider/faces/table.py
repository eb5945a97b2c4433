"""Table of faces: every API that this server serves, in the order in which paths are tried.

A face whose prefix lies below another's comes before it.
"""

from __future__ import annotations

from model_sharing_provider.faces import (
    activation,
    explorer,
    federation_policies,
    files_api,
    health,
    hugging_face,
    landing,
    mlflow_registry,
    open_sharing,
    principal_policies,
    scim,
    signed_files,
    tokens,
    tracking,
    unity_catalog,
    well_known,
)
from model_sharing_provider.faces.openapi import openapi_face
from model_sharing_provider.http.routes import Face

APIS: tuple[Face, ...] = (
    health.FACE,
    landing.FACE,
    well_known.FACE,
    open_sharing.FACE,
    activation.FACE,
    unity_catalog.FACE,
    mlflow_registry.FACE,
    *tracking.FACES,
    files_api.FACE,
    hugging_face.FACE,
    scim.FACE,
    *tokens.FACES,
    federation_policies.FACE,
    principal_policies.FACE,
    signed_files.FACE,
)
PAGES: tuple[Face, ...] = explorer.FACES
"""Faces for people, which a server may leave out."""
FACES = (*APIS, openapi_face(APIS), *PAGES)

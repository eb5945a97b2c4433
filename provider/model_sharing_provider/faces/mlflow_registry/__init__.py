"""MLflow's face: the registry protocol of `mlflow.set_registry_uri("databricks-uc")`.

Source: MLflow 3.17, `databricks_uc_registry_service.proto`; the messages are in
`model_sharing_protocol.mlflow_registry`.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_provider.faces.mlflow_registry import models, prompts, versions
from model_sharing_provider.faces.mlflow_registry.requests import FACE
from model_sharing_provider.http.authentication import authenticate_principals
from model_sharing_provider.http.errors import render_unity_catalog
from model_sharing_provider.http.middlewares import render_errors


def make_app() -> web.Application:
    """The sub-application to mount under MLflow's registry prefix."""
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    for part in (models, prompts, versions):
        app.add_routes(part.ROUTES)
    return app

"""Tracking face: MLflow's tracking API, forwarded to a tracking server behind this one.

Users then only set `DATABRICKS_HOST`. Artifact URIs of the tracking server (`mlflow-artifacts:/…`) are
rewritten to those that Databricks clients open by the Files API (`dbfs:/…`).
"""

from __future__ import annotations

import re

from aiohttp import web

from model_sharing_protocol.errors import InvalidState, NotFound, UnsupportedOperation
from model_sharing_provider.faces.tracking.paths import METHODS, PREFIXES, api_path
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.databricks_headers import WORKSPACE_HEADER, WORKSPACE_ID
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.tracking_server import ask_upstream, read_answer

_MODEL_ARTIFACTS = re.compile(rb'"mlflow-artifacts:/([^/"]+)/models/([^/"]+)')
_RUN_ARTIFACTS = re.compile(rb'"mlflow-artifacts:/([^/"]+)/([^/"]+)/')


async def forward(request: web.Request) -> web.Response:
    """Response of the tracking server to the same request, with its artifact URIs rewritten."""
    path = api_path(request.rel_url.raw_path)
    if request.method not in METHODS:
        raise UnsupportedOperation(
            f"The tracking API does not support {request.method}; use {', '.join(METHODS)}."
        )
    async with ask_upstream(request, request.method, path) as answer:
        body = await read_answer(answer)
    if answer.content_type != "application/json":
        if answer.status == web.HTTPNotFound.status_code:
            raise NotFound("The MLflow tracking server has nothing at this path.")
        raise InvalidState(
            f"The MLflow tracking server answered with status {answer.status} and not in JSON."
        )
    body = _MODEL_ARTIFACTS.sub(rb'"dbfs:/databricks/mlflow-tracking/\1/logged_models/\2', body)
    body = _RUN_ARTIFACTS.sub(rb'"dbfs:/databricks/mlflow-tracking/\1/\2/', body)
    headers = {
        "Content-Type": "application/json",
        WORKSPACE_HEADER: str(WORKSPACE_ID),
    }
    if "Retry-After" in answer.headers:
        headers["Retry-After"] = answer.headers["Retry-After"]
    return web.Response(status=answer.status, body=body, headers=headers)


_ROUTES = (
    Route(
        "*",
        "/{path:.*}",
        forward,
        undocumented="Documented by the tracking server behind this one; its release determines the routes.",
    ),
)

FACES = tuple(
    Face("tracking", prefix, authenticate_principal, UNITY_CATALOG_ERRORS, _ROUTES) for prefix in PREFIXES
)

"""MLflow tracking, passed through to a plain tracking server: `DATABRICKS_HOST` is all that a user needs.

The tracking server sees no token of ours. Where it says `mlflow-artifacts:/…`, clients of Databricks expect a
`dbfs:/…` address that they open by the Files API: one is written for the other here, and the Files API's
face serves it.
"""

from __future__ import annotations

import re

from aiohttp import web

from model_sharing_protocol.errors import InvalidState, NotFound, UnsupportedOperation
from model_sharing_provider.faces.tracking.paths import METHODS, api_path
from model_sharing_provider.http.authentication import authenticate_principals
from model_sharing_provider.http.errors import render_unity_catalog
from model_sharing_provider.http.middlewares import render_errors
from model_sharing_provider.http.tracking_server import ask_upstream, read_answer
from model_sharing_provider.http.workspace_id import WORKSPACE_ID

FACE = "tracking"

_MODEL_ARTIFACTS = re.compile(rb'"mlflow-artifacts:/([^/"]+)/models/([^/"]+)')
_RUN_ARTIFACTS = re.compile(rb'"mlflow-artifacts:/([^/"]+)/([^/"]+)/')


def make_app() -> web.Application:
    """The sub-application to mount under each of the tracking API's prefixes."""
    app = web.Application(middlewares=[render_errors(render_unity_catalog), authenticate_principals(FACE)])
    app.router.add_route("*", "/{path:.*}", forward)
    return app


async def forward(request: web.Request) -> web.Response:
    """The same request to the tracking server, and its answer with addresses that our clients can open."""
    path = api_path(request.rel_url.raw_path)
    if request.method not in METHODS:
        raise UnsupportedOperation(f"Of the tracking API, {', '.join(METHODS)} are passed on.")
    async with ask_upstream(request, request.method, path) as answer:
        body = await read_answer(answer)
    if answer.content_type != "application/json":
        if answer.status == web.HTTPNotFound.status_code:
            raise NotFound("The MLflow tracking server has nothing at this path.")
        raise InvalidState(f"The MLflow tracking server answered {answer.status}, and not in JSON.")
    body = _MODEL_ARTIFACTS.sub(rb'"dbfs:/databricks/mlflow-tracking/\1/logged_models/\2', body)
    body = _RUN_ARTIFACTS.sub(rb'"dbfs:/databricks/mlflow-tracking/\1/\2/', body)
    headers = {
        "Content-Type": "application/json",
        # MLflow keeps it as the workspace that a run is in.
        "X-Databricks-Org-Id": str(WORKSPACE_ID),
    }
    if "Retry-After" in answer.headers:
        headers["Retry-After"] = answer.headers["Retry-After"]
    return web.Response(status=answer.status, body=body, headers=headers)

"""Well-known face: `/.well-known/databricks-config`, from which Databricks SDKs learn how to authenticate.

Source: `databricks.sdk` 0.156.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.http.databricks_headers import WORKSPACE_ID
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Face, Route
from model_sharing_provider.http.urls import base_url


class DatabricksConfig(msgspec.Struct):
    """Configuration of authentication; its OIDC endpoint does not exist."""

    oidc_endpoint: str
    workspace_id: str
    cloud: str


async def databricks_config(request: web.Request) -> web.Response:
    """Configuration that SDKs request without a token, before nearly every call."""
    oidc_endpoint = f"{base_url(request)}/oidc"
    return json_response(DatabricksConfig(oidc_endpoint, str(WORKSPACE_ID), "aws"), JSON)


FACE = Face(
    name="well-known",
    prefix="/.well-known",
    authentication=None,
    errors=UNITY_CATALOG_ERRORS,
    documented_in="unity-catalog",
    routes=(
        Route(
            "GET",
            "/databricks-config",
            databricks_config,
            "Configuration of authentication",
            DatabricksConfig,
        ),
    ),
)

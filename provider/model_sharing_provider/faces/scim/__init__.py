"""SCIM face: users, service principals and groups, as scripts and identity systems manage them.

Source: SCIM 2.0 (RFC 7643, RFC 7644), in the part that `databricks.sdk` 0.156 calls. What a metastore does
not keep, such as names of people and entitlements, is accepted and left out.
"""

from __future__ import annotations

from model_sharing_provider.faces.scim import groups, me, users
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY
from model_sharing_provider.http.routes import Face

FACE = Face(
    name="scim",
    prefix="/api/2.0/preview/scim/v2",
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    parameters={"id": NOT_EMPTY},
    documented_in="unity-catalog",
    routes=(*me.ROUTES, *users.ROUTES, *groups.ROUTES),
)

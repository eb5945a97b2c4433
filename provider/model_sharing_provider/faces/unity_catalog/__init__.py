"""Unity Catalog face: the registry by Unity Catalog REST, as SDKs and administrators use it.

Source: Unity Catalog REST 2.1; see `model_sharing_protocol.unity_catalog` for the messages.
"""

from __future__ import annotations

from model_sharing_protocol.unity_catalog import PREFIX
from model_sharing_provider.faces.unity_catalog import (
    absent_securables,
    aliases,
    catalogs,
    metastores,
    models,
    origin_signatures,
    permissions,
    providers,
    pulls,
    recalls,
    recipients,
    schemas,
    share_permissions,
    shares,
    tags,
    terms,
    versions,
)
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import MODEL_NAME, NAME, NOT_EMPTY, TEXT, VERSION
from model_sharing_provider.http.routes import Face

FACE = Face(
    name="unity-catalog",
    prefix=PREFIX,
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    title="Unity Catalog",
    description="The registry for SDKs and administrators, by the bearer token of a principal.",
    parameters={
        "name": NAME,
        "full_name": MODEL_NAME,
        "alias": NAME,
        "version": VERSION,
        "type": TEXT,
        "key": NOT_EMPTY,
        "share": NAME,
    },
    routes=(
        *catalogs.ROUTES,
        *schemas.ROUTES,
        *models.ROUTES,
        *aliases.ROUTES,
        *versions.ROUTES,
        *origin_signatures.ROUTES,
        *recalls.ROUTES,
        *pulls.ROUTES,
        *tags.ROUTES,
        *terms.ROUTES,
        *permissions.ROUTES,
        *shares.ROUTES,
        *share_permissions.ROUTES,
        *recipients.ROUTES,
        *providers.ROUTES,
        *metastores.ROUTES,
        *absent_securables.ROUTES,
    ),
)

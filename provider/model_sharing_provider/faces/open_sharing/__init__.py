"""OpenSharing face: shares of models as recipients see them, under `/delta-sharing`.

Source: OpenSharing REST protocol; see `model_sharing_protocol.open_sharing` for the messages and for the
extensions.
"""

from __future__ import annotations

from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.faces.open_sharing import (
    changes,
    keys,
    models,
    shares,
    skills,
    tables,
    terms,
    version_files,
    versions,
    volumes,
)
from model_sharing_provider.http.authentication import authenticate_recipient
from model_sharing_provider.http.errors import OPEN_SHARING_ERRORS
from model_sharing_provider.http.parameter_schemas import NAME, TERMS_DIGEST, VERSION
from model_sharing_provider.http.routes import Face

FACE = Face(
    name="open-sharing",
    prefix=PREFIX,
    authentication=authenticate_recipient,
    errors=OPEN_SHARING_ERRORS,
    title="OpenSharing",
    description="Shares of models as recipients see them, by the bearer token of a profile file; "
    "signed URLs.",
    parameters={
        "share": NAME,
        "schema": NAME,
        "model": NAME,
        "version": VERSION,
        "alias": NAME,
        "table": NAME,
        "volume": NAME,
        "skill": NAME,
        "digest": TERMS_DIGEST,
    },
    # Routes are tried one after another: those that every load needs come first.
    routes=(
        *versions.ROUTES,
        *version_files.ROUTES,
        *changes.ROUTES,
        *keys.ROUTES,
        *shares.ROUTES,
        *models.ROUTES,
        *tables.ROUTES,
        *volumes.ROUTES,
        *skills.ROUTES,
        *terms.ROUTES,
    ),
)

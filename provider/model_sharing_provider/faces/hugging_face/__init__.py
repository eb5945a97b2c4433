"""Hugging Face face: models as repositories of the Hub, read-only, for programs that take an HF_ENDPOINT.

Below `/hf/{share}` it is for a recipient of the share, with repositories `schema/model`; below `/hf` for the
metastore's own principals, with repositories `catalog.schema/model`. A namespace of principals has a dot and
a share has none, which tells the two apart.

Source: `huggingface_hub` 0.23 to 2.4; see `model_sharing_protocol.hugging_face` for paths and messages.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.hugging_face import messages
from model_sharing_protocol.hugging_face.headers import error_headers
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.faces.hugging_face import accounts, files, listings, models, trees, writes
from model_sharing_provider.faces.hugging_face.endpoints import PREFIX, is_of_share, of_both
from model_sharing_provider.http.authentication import authenticate_principal, authenticate_recipient
from model_sharing_provider.http.errors import ErrorStyle
from model_sharing_provider.http.parameter_schemas import NAME, NOT_EMPTY
from model_sharing_provider.http.routes import Face


async def _authenticate(request: web.Request) -> Principal:
    if is_of_share(request):
        return await authenticate_recipient(request)
    return await authenticate_principal(request)


_ERRORS = ErrorStyle(
    messages.ErrorAnswer,
    "code",
    messages.JSON,
    lambda row: (row.open_sharing_status, row.open_sharing_code),
    "The server failed; the reason is in its log.",
    error_headers,
)

FACE = Face(
    name="hugging-face",
    prefix=PREFIX,
    authentication=_authenticate,
    errors=_ERRORS,
    title="Hugging Face",
    description="Models as repositories of the Hugging Face Hub, read-only: of a share by the bearer token "
    "of a recipient, of the metastore by that of a principal.",
    parameters={
        "share": NAME,
        "namespace": NOT_EMPTY,
        "name": NAME,
        "revision": NOT_EMPTY,
        "path": NOT_EMPTY,
    },
    # Routes are tried one after another: those that every download needs come first.
    routes=of_both(
        *files.ROUTES, *models.ROUTES, *trees.ROUTES, *listings.ROUTES, *accounts.ROUTES, *writes.ROUTES
    ),
)

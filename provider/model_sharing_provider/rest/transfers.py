"""What the registry's two faces do alike around the bytes of versions."""

from __future__ import annotations

import hashlib
import time

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.rest.lineage import HEADER, lineage_of
from model_sharing_provider.rest.requests import PRINCIPAL, provider_of
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.lineage import DOWNSTREAM

STORAGE_MODE = "DEFAULT_STORAGE"
_CREDENTIALS_LIFETIME_MS = 3_600_000
_READING = ("READ_MODEL_VERSION", "MODEL_VERSION_OPERATION_READ")
_WRITING = ("READ_WRITE_MODEL_VERSION", "MODEL_VERSION_OPERATION_READ_WRITE")


async def begin_transfer(
    request: web.Request, context: Context, name: FullName, number: int, operation: str
) -> int:
    """Let a client go on to read or write a version's files, keeping the lineage that it sends along.

    Bytes move by presigned URLs, so there is nothing secret to answer; the epoch ms until which it may ask.
    """
    provider = provider_of(request)
    if operation.upper() in _WRITING:
        await provider.uploads.begin(context, name, number)
    elif reads(operation):
        if lineage := lineage_of(request):
            await provider.lineage.emit(context, name, number, DOWNSTREAM, lineage)
        else:
            await provider.versions.get(context, name, number)
    else:
        raise InvalidParameter(f"The operation {operation!r} is not known; READ_MODEL_VERSION is.")
    return int(time.time() * 1000) + _CREDENTIALS_LIFETIME_MS


def reads(operation: str) -> bool:
    return operation.upper() in _READING


async def digest_of(request: web.Request) -> str:
    """What a resent request has in common with the one before: who asks, and every byte of what."""
    parts = (request[PRINCIPAL].id, request.method, request.path_qs, request.headers.get(HEADER, ""))
    said = "\n".join(parts).encode()
    return hashlib.sha256(said + b"\n" + await request.read()).hexdigest()


def model_id(version: ModelVersion) -> str:
    """MLflow's id of the logged model; MLflow cannot copy a version that has none, so one is made up."""
    return version.logged_model_id or f"m-{version.id.replace('-', '')}"

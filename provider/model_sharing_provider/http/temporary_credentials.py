"""What the registry's two faces do alike around the bytes of versions."""

from __future__ import annotations

import hashlib
import re
import time

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName
from model_sharing_protocol.unity_catalog import TemporaryCredentials
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.http.lineage_header import HEADER, lineage_from_header
from model_sharing_provider.http.requests import PRINCIPAL, provider_of
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.registry.lineage import DOWNSTREAM

STORAGE_MODE = "DEFAULT_STORAGE"
_CREDENTIALS_LIFETIME_MS = 3_600_000
_MLFLOW = re.compile(r"mlflow-python-client/([0-9]{1,6})\.([0-9]{1,6})")
_FIRST_WITH_URLS = (2, 13)
_READING = ("READ_MODEL_VERSION", "MODEL_VERSION_OPERATION_READ")
_WRITING = ("READ_WRITE_MODEL_VERSION", "MODEL_VERSION_OPERATION_READ_WRITE")


async def credentials_for(
    request: web.Request, context: Context, name: FullName, number: int, operation: str, *, keys: bool = True
) -> TemporaryCredentials:
    """Let a client go on to read or write a version's files, keeping the lineage that it sends along.

    MLflow goes on by presigned URLs, so that it needs no client of the cloud's. Where the storage has
    credentials, they are in the answer too, for those who want its `keys`.
    """
    said = TemporaryCredentials(await _begin(request, context, name, number, operation))
    if keys:
        credentials = provider_of(request).credentials
        give = credentials.for_reader if _reads(operation) else credentials.for_writer
        if given := await give(context, name, number):
            said = msgspec.convert(given, TemporaryCredentials, from_attributes=True)
    said.storage_mode = STORAGE_MODE
    return said


def client_before_urls(request: web.Request) -> str | None:
    """The version of an MLflow that knows no presigned URLs, and moves files by a bucket's credentials."""
    client = _MLFLOW.search(request.headers.get("User-Agent", ""))
    if client is None or (int(client[1]), int(client[2])) >= _FIRST_WITH_URLS:
        return None
    return f"{client[1]}.{client[2]}"


async def _begin(request: web.Request, context: Context, name: FullName, number: int, operation: str) -> int:
    """The epoch ms until which the client may go on."""
    provider = provider_of(request)
    if operation.upper() in _WRITING:
        await provider.uploads.begin(context, name, number)
    elif _reads(operation):
        if lineage := lineage_from_header(request):
            await provider.lineage.emit(context, name, number, DOWNSTREAM, lineage)
        else:
            await provider.versions.get(context, name, number)
    else:
        raise InvalidParameter(f"The operation {operation!r} is not known; READ_MODEL_VERSION is.")
    return int(time.time() * 1000) + _CREDENTIALS_LIFETIME_MS


def _reads(operation: str) -> bool:
    return operation.upper() in _READING


async def digest_of(request: web.Request) -> str:
    """What a resent request has in common with the one before: who asks, and every byte of what."""
    parts = (request[PRINCIPAL].id, request.method, request.path_qs, request.headers.get(HEADER, ""))
    said = "\n".join(parts).encode()
    return hashlib.sha256(said + b"\n" + await request.read()).hexdigest()


def model_id(version: ModelVersion) -> str:
    """MLflow's id of the logged model; MLflow cannot copy a version that has none, so then one is made up."""
    return version.logged_model_id or f"m-{version.id.replace('-', '')}"

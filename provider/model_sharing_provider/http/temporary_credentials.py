"""Temporary credentials for a version's files, as both faces of the registry hand them out."""

from __future__ import annotations

import re
import time

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName
from model_sharing_protocol.unity_catalog import TemporaryCredentials
from model_sharing_provider.domain.credentials import TemporaryCredentials as VendedCredentials
from model_sharing_provider.http.databricks_headers import lineage_from_header
from model_sharing_provider.http.requests import provider_of
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
    """Permission to read or write a version's files, with the storage's keys where it has some.

    MLflow reads and writes by presigned URLs, so that it needs no client of a cloud: without `keys`, no keys
    are made. The lineage that comes with a request to read is kept. Raises InvalidParameter for an unknown
    operation.
    """
    answer = TemporaryCredentials(int(time.time() * 1000) + _CREDENTIALS_LIFETIME_MS)
    if operation.upper() in _WRITING:
        given = await _begin_upload(request, context, name, number, keys=keys)
    elif operation.upper() in _READING:
        given = await _begin_download(request, context, name, number, keys=keys)
    else:
        raise InvalidParameter(f"The operation {operation!r} is not known; READ_MODEL_VERSION is.")
    if given:
        answer = msgspec.convert(given, TemporaryCredentials, from_attributes=True)
    answer.storage_mode = STORAGE_MODE
    return answer


def client_without_presigned_urls(request: web.Request) -> str | None:
    """Version of an MLflow client that knows no presigned URLs, but needs keys; None for any other."""
    client = _MLFLOW.search(request.headers.get("User-Agent", ""))
    if client is None or (int(client[1]), int(client[2])) >= _FIRST_WITH_URLS:
        return None
    return f"{client[1]}.{client[2]}"


async def _begin_upload(
    request: web.Request, context: Context, name: FullName, number: int, *, keys: bool
) -> VendedCredentials | None:
    provider = provider_of(request)
    if keys:
        return await provider.principal_credentials.write(context, name, number)
    await provider.uploads.begin(context, name, number)
    return None


async def _begin_download(
    request: web.Request, context: Context, name: FullName, number: int, *, keys: bool
) -> VendedCredentials | None:
    provider = provider_of(request)
    lineage = lineage_from_header(request)
    if lineage:
        await provider.lineage.emit(context, name, number, DOWNSTREAM, lineage)
    if keys:
        return await provider.principal_credentials.read(context, name, number)
    if not lineage:
        await provider.versions.get(context, name, number)
    return None

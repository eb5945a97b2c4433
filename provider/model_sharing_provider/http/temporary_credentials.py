"""Temporary credentials for a version's files, which both faces of the registry vend."""

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
    """Credentials to read or write a version's files, with keys of the storage if it vends any.

    With `keys=False`, as for MLflow, which reads and writes by presigned URLs, none are created. Lineage sent
    along with a request to read is recorded. Raises InvalidParameter for an unknown operation.
    """
    credentials = TemporaryCredentials(int(time.time() * 1000) + _CREDENTIALS_LIFETIME_MS)
    if operation.upper() in _WRITING:
        vended = await _begin_upload(request, context, name, number, keys=keys)
    elif operation.upper() in _READING:
        vended = await _begin_download(request, context, name, number, keys=keys)
    else:
        raise InvalidParameter(
            f"The operation {operation!r} is unknown; give READ_MODEL_VERSION or READ_WRITE_MODEL_VERSION."
        )
    if vended:
        credentials = msgspec.convert(vended, TemporaryCredentials, from_attributes=True)
    credentials.storage_mode = STORAGE_MODE
    return credentials


def client_without_presigned_urls(request: web.Request) -> str | None:
    """Version of an MLflow client too old for presigned URLs, which needs keys; None for any other."""
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

"""Files of model versions: credentials to transfer them, and their location."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import mlflow_registry as wire
from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.names import FullName
from model_sharing_provider.faces.mlflow_registry.requests import (
    VERSION_QUERY,
    message_response,
    read_message,
    requested_version,
    version_number,
)
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE
from model_sharing_provider.http.routes import Route
from model_sharing_provider.http.temporary_credentials import client_without_presigned_urls, credentials_for
from model_sharing_provider.http.version_fields import storage_location


async def temporary_credentials(request: web.Request) -> web.Response:
    body = await read_message(request, wire.TemporaryCredentialsRequest)
    name, number = FullName.parse(body.name), version_number(body.version)
    old = client_without_presigned_urls(request)
    credentials = await credentials_for(
        request, context_of(request), name, number, body.operation, keys=old is not None
    )
    keys = (credentials.aws_temp_credentials, credentials.azure_user_delegation_sas)
    if old and not any((*keys, credentials.gcp_oauth_token, credentials.r2_credentials)):
        raise UnsupportedOperation(
            f"MLflow {old} transfers files by credentials for a bucket, which this server cannot issue; "
            "install MLflow 2.13 or newer."
        )
    return message_response(wire.TemporaryCredentialsAnswer(credentials), NO_STORE)


async def get_download_uri(request: web.Request) -> web.Response:
    name, number = await requested_version(request)
    found = await provider_of(request).versions.get(context_of(request), name, number)
    return message_response(wire.DownloadUri(storage_location(provider_of(request), found)))


async def sdk_artifacts_enabled(_request: web.Request) -> web.Response:
    """Answer no: presigned URLs are the default; a client may choose the SDK's way all the same."""
    return message_response(wire.SdkArtifactsEnabled(False))


ROUTES = (
    Route(
        "POST",
        "/model-versions/generate-temporary-credentials",
        temporary_credentials,
        "Credentials to read or write a version's files",
        wire.TemporaryCredentialsAnswer,
        wire.TemporaryCredentialsRequest,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/model-versions/get-download-uri",
        get_download_uri,
        "A version's location",
        wire.DownloadUri,
        query=VERSION_QUERY,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/registered-models:is-databricks-sdk-models-artifact-repository-enabled",
        sdk_artifacts_enabled,
        "Transfer by the SDK's Files API instead of presigned URLs: false",
        wire.SdkArtifactsEnabled,
    ),
)

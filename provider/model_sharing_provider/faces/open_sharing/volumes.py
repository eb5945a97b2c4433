"""Volumes of a share: folders of files, such as evaluation data, prompts and images."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.open_sharing_folders import FolderQueryLine, Volume
from model_sharing_provider.domain.shared_tables import SharedFolder
from model_sharing_provider.faces.open_sharing.folders import (
    access_modes,
    asset_name,
    credentials_response,
    files_response,
)
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Route

_VOLUMES = "/shares/{share}/schemas/{schema}/volumes"
_VOLUME = _VOLUMES + "/{volume}"


async def list_volumes(request: web.Request) -> web.Response:
    """Volumes of a schema, or of the whole share."""
    name = share_name(request)
    schema = request.match_info.get("schema")
    listing = f"volumes of {name}.{schema or '*'}".lower()
    page = await provider_of(request).shared_volumes.page(
        context_of(request), name, schema, page_request(request, listing)
    )
    return page_response(page, listing, map(_message, page.items))


async def get_volume(request: web.Request) -> web.Response:
    name = asset_name(request, "volume")
    found = await provider_of(request).shared_volumes.get(context_of(request), *name)
    return json_response(_message(found), wire.JSON)


async def query_volume(request: web.Request) -> web.Response:
    """Lines with the volume's metadata and one for each of its files."""
    name = asset_name(request, "volume")
    found, files = await provider_of(request).shared_volumes.query(context_of(request), *name)
    return files_response(request, found, files)


async def temporary_credentials(request: web.Request) -> web.Response:
    """Credentials for a volume's folder; an error that names the alternative, if the storage has none."""
    name = asset_name(request, "volume")
    return credentials_response(
        await provider_of(request).shared_volumes.credentials(context_of(request), *name)
    )


ROUTES = (
    Route(
        "GET",
        "/shares/{share}/all-volumes",
        list_volumes,
        "All volumes of a share",
        wire.Items[Volume],
        query=PAGE,
    ),
    Route("GET", _VOLUMES, list_volumes, "The volumes of a schema", wire.Items[Volume], query=PAGE),
    Route("GET", _VOLUME, get_volume, "A volume", Volume),
    Route(
        "POST",
        _VOLUME + "/query",
        query_volume,
        "EXTENSION: a volume's files as signed URLs",
        Media(wire.NDJSON, FolderQueryLine),
    ),
    Route(
        "POST",
        _VOLUME + "/temporary-volume-credentials",
        temporary_credentials,
        "Credentials to read a volume's folder",
        wire.TemporaryCredentials,
    ),
)


def _message(volume: SharedFolder) -> Volume:
    return Volume(
        name=volume.name.name,
        schema=volume.name.schema,
        share=volume.share.name,
        storage_location=volume.location,
        id=volume.id,
        share_id=volume.share.id,
        access_modes=access_modes(volume),
    )

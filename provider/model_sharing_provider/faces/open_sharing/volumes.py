"""Volumes of a share: folders of files, such as evaluation data, prompts and images."""

from __future__ import annotations

from urllib.parse import urljoin

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol import open_sharing_volumes as volumes
from model_sharing_protocol.names import SharedName, normalize_name
from model_sharing_provider.domain.shared_tables import SharedVolume
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import ndjson_response, page_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.routes import Media, Route
from model_sharing_provider.http.urls import files_base_url

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
    found = await provider_of(request).shared_volumes.get(context_of(request), *_named(request))
    return json_response(_message(found), wire.JSON)


async def query_volume(request: web.Request) -> web.Response:
    """Lines with the volume's metadata and one for each of its files."""
    found, files = await provider_of(request).shared_volumes.query(context_of(request), *_named(request))
    base = files_base_url(request)
    metadata = volumes.VolumeMetadata(found.id, found.name.name, len(files), sum(file.size for file in files))
    lines = (
        volumes.VolumeQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        volumes.VolumeQueryLine(meta_data=metadata),
        *(
            volumes.VolumeQueryLine(
                file=volumes.VolumeFile(
                    urljoin(base, file.url), file.id, file.path, file.size, file.expires_at
                )
            )
            for file in files
        ),
    )
    return ndjson_response(lines, NO_STORE)


async def temporary_credentials(request: web.Request) -> web.Response:
    """Credentials for a volume's folder; an error that names the alternative, if the storage has none."""
    given = await provider_of(request).shared_volumes.credentials(context_of(request), *_named(request))
    body = msgspec.convert(given, wire.TemporaryCredentials, from_attributes=True)
    return json_response(body, wire.JSON, headers=NO_STORE)


ROUTES = (
    Route(
        "GET",
        "/shares/{share}/all-volumes",
        list_volumes,
        "All volumes of a share",
        wire.Items[volumes.Volume],
        query=PAGE,
    ),
    Route("GET", _VOLUMES, list_volumes, "The volumes of a schema", wire.Items[volumes.Volume], query=PAGE),
    Route("GET", _VOLUME, get_volume, "A volume", volumes.Volume),
    Route(
        "POST",
        _VOLUME + "/query",
        query_volume,
        "EXTENSION: a volume's files as signed URLs",
        Media(wire.NDJSON, volumes.VolumeQueryLine),
    ),
    Route(
        "POST",
        _VOLUME + "/temporary-volume-credentials",
        temporary_credentials,
        "Credentials to read a volume's folder",
        wire.TemporaryCredentials,
    ),
)


def _named(request: web.Request) -> tuple[str, SharedName]:
    schema = normalize_name("schema", request.match_info["schema"])
    return share_name(request), SharedName(schema, normalize_name("volume", request.match_info["volume"]))


def _message(volume: SharedVolume) -> volumes.Volume:
    by_credentials = not volume.location.startswith("urn:")
    return volumes.Volume(
        name=volume.name.name,
        schema=volume.name.schema,
        share=volume.share.name,
        storage_location=volume.location,
        id=volume.id,
        share_id=volume.share.id,
        access_modes=("url", "dir") if by_credentials else ("url",),
    )

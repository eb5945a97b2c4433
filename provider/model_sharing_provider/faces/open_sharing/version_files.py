"""Files of a version as signed URLs: `query`, an extension."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.errors import VersionRecalled
from model_sharing_protocol.names import normalize_name, parse_version
from model_sharing_provider.faces.open_sharing.requests import (
    ALIAS,
    INCLUDE_RECALLED,
    VERSION,
    include_recalled,
    model_name,
    share_name,
)
from model_sharing_provider.faces.open_sharing.responses import ndjson_response
from model_sharing_provider.faces.open_sharing.version_messages import version_message
from model_sharing_provider.http.parameter_schemas import BOOLEAN
from model_sharing_provider.http.requests import context_of, flag, provider_of
from model_sharing_provider.http.routes import Media, Query, Route
from model_sharing_provider.http.urls import file_url, files_base_url
from model_sharing_provider.services.sharing.recipient_files import SignedVersionFiles


async def query_version(request: web.Request) -> web.Response:
    """Lines with the version's metadata and one for each of its files."""
    asked = request.match_info
    alias = normalize_name("alias", asked["alias"]) if "alias" in asked else None
    number = parse_version(asked["version"]) if "version" in asked else None
    provider = provider_of(request)
    found = await provider.recipient_files.version_files(
        context_of(request),
        share_name(request),
        model_name(request),
        number=number,
        alias=alias,
        include_recalled=include_recalled(request),
        include_urls=flag(request, "includeUrls", default=True),
    )
    state = provider.signing.state(found.shared, alias)
    base = files_base_url(request)
    metadata = _metadata(version_message(request, found.shared, state), found, base)
    lines = (
        wire.VersionQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        wire.VersionQueryLine(meta_data=metadata),
        *(wire.VersionQueryLine(file=file) for file in _files(found, base)),
    )
    return ndjson_response(lines)


_QUERY = (*INCLUDE_RECALLED, Query("includeUrls", BOOLEAN))
"""EXTENSION: with `includeUrls=false` only the list of files is wanted; URLs are empty, and it is no pull."""
_LINES = Media(wire.NDJSON, wire.VersionQueryLine)

ROUTES = (
    Route(
        "POST",
        ALIAS + "/query",
        query_version,
        "EXTENSION: files of the version that an alias points at, as signed URLs",
        _LINES,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
    Route(
        "POST",
        VERSION + "/query",
        query_version,
        "EXTENSION: a version's files as signed URLs",
        _LINES,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
)


def _metadata(message: wire.ModelVersion, found: SignedVersionFiles, base: str) -> wire.VersionMetadata:
    version, maps = found.shared.version, found.chunk_maps
    return wire.VersionMetadata(
        version=message,
        digest=version.digest,
        size=version.size,
        num_files=len(found.files),
        bundle=found.bundle,
        chunk_maps=wire.ChunkMapsFile(file_url(base, maps.url), maps.file.size, maps.file.sha256)
        if maps
        else None,
        deltas=tuple(
            wire.DeltaFile(file_url(base, signed.url), delta.target, delta.base, delta.size, delta.sha256)
            for delta, signed in found.deltas
        ),
        pack_url=file_url(base, found.pack_url) if found.pack_url else None,
    )


def _files(found: SignedVersionFiles, base: str) -> Iterator[wire.VersionFile]:
    for signed in found.files:
        yield wire.VersionFile(
            url=file_url(base, signed.url) if signed.url else "",
            id=signed.file.sha256,
            path=signed.file.path,
            size=signed.file.size,
            sha256=signed.file.sha256,
            expiration_timestamp=signed.expires_at,
        )

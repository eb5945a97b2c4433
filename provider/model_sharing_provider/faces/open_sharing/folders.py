"""Folders of files in a share, which are volumes or agent skills: what is answered alike about both."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol import open_sharing_folders as folders
from model_sharing_protocol.names import SharedName, normalize_name
from model_sharing_provider.domain.credentials import TemporaryCredentials
from model_sharing_provider.domain.shared_tables import FolderFile, SharedFolder
from model_sharing_provider.faces.open_sharing.requests import share_name
from model_sharing_provider.faces.open_sharing.responses import ndjson_response
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.urls import file_url, files_base_url


def asset_name(request: web.Request, kind: str) -> tuple[str, SharedName]:
    """Name of the share in a request's path, and that of its volume or skill."""
    schema = normalize_name("schema", request.match_info["schema"])
    return share_name(request), SharedName(schema, normalize_name(kind, request.match_info[kind]))


def access_modes(found: SharedFolder) -> tuple[str, ...]:
    return ("url", "dir") if found.by_credentials else ("url",)


def files_response(request: web.Request, found: SharedFolder, files: Sequence[FolderFile]) -> web.Response:
    """Lines with the metadata of a folder and one for each of its files."""
    base = files_base_url(request)
    metadata = folders.FolderMetadata(found.id, found.name.name, len(files), sum(file.size for file in files))
    lines = (
        folders.FolderQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        folders.FolderQueryLine(meta_data=metadata),
        *(folders.FolderQueryLine(file=_line(base, file)) for file in files),
    )
    return ndjson_response(lines, NO_STORE)


def _line(base: str, file: FolderFile) -> folders.FolderFile:
    return folders.FolderFile(
        url=file_url(base, file.url),
        id=file.id,
        path=file.path,
        size=file.size,
        expiration_timestamp=file.expires_at,
        etag=file.etag or None,
    )


def credentials_response(given: TemporaryCredentials) -> web.Response:
    body = msgspec.convert(given, wire.TemporaryCredentials, from_attributes=True)
    return json_response(body, wire.JSON, headers=NO_STORE)

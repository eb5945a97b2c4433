"""Directories: the folders of a version's files."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import files_api as wire
from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.pages import PageRequest, page_of
from model_sharing_provider.faces.files_api.paths import (
    DIRECTORIES,
    DOCUMENTED_DIRECTORIES,
    DOCUMENTED_DIRECTORY,
    ROOT,
    requested_path,
)
from model_sharing_provider.http.parameter_schemas import PAGE_SIZE, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Nothing, Query, Route
from model_sharing_provider.services.publishing.principal_files import Entry


async def list_directory(request: web.Request) -> web.Response:
    """Files and folders in a folder. Also answers HEAD, by which the SDK checks that a directory exists."""
    name, number, path = requested_path(request)
    entries = await provider_of(request).principal_files.folder(
        context_of(request), name, number, path.rstrip("/")
    )
    listing = request.match_info["path"]
    page = PageRequest.parse(listing, request.query.get("page_size"), request.query.get("page_token"))
    found = page_of(entries, page, lambda entry: entry.path)
    root = f"{ROOT}{name.catalog}/{name.schema}/{name.name}/{number}"
    contents = tuple(_entry(root, entry) for entry in found.items)
    return json_response(wire.Directory(contents, found.token(listing) or ""), wire.JSON)


async def create_directory(request: web.Request) -> web.Response:
    """Confirmation of an existing folder: a folder exists only because of the files in it.

    Raises UnsupportedOperation for any other folder.
    """
    name, number, path = requested_path(request)
    try:
        await provider_of(request).principal_files.folder(context_of(request), name, number, path.rstrip("/"))
    except NotFound as error:
        raise UnsupportedOperation(
            f"The folder {path!r} cannot be created empty; upload a file into it instead."
        ) from error
    return json_response(Nothing(), wire.JSON)


ROUTES = (
    Route(
        "GET",
        DIRECTORIES,
        list_directory,
        "The files of a version or of a folder in it",
        wire.Directory,
        query=(Query("page_size", PAGE_SIZE), Query("page_token", TEXT)),
        documented_paths=DOCUMENTED_DIRECTORIES,
    ),
    Route(
        "PUT",
        DIRECTORIES,
        create_directory,
        "Confirm an existing folder; folders are created with their files",
        Nothing,
        documented_paths=DOCUMENTED_DIRECTORY,
    ),
)


def _entry(root: str, entry: Entry) -> wire.DirectoryEntry:
    return wire.DirectoryEntry(
        path=f"{root}/{entry.path}",
        name=entry.path.rpartition("/")[2],
        is_directory=entry.is_directory,
        last_modified=entry.modified,
        file_size=None if entry.is_directory else entry.size,
    )

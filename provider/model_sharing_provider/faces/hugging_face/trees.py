"""Trees of repositories: the files and folders of a version, in pages, or those at some paths."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, MalformedRequest, VersionRecalled
from model_sharing_protocol.hugging_face import messages, paths
from model_sharing_protocol.hugging_face.files import CommitFiles
from model_sharing_protocol.hugging_face.headers import COMMIT, next_link
from model_sharing_protocol.revisions import commit_of
from model_sharing_provider.domain.versions import VersionContent
from model_sharing_provider.faces.hugging_face.endpoints import endpoint_url
from model_sharing_provider.faces.hugging_face.repositories import requested_repository, requested_revision
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, TEXT
from model_sharing_provider.http.requests import flag
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Query, Route

_FORM = "application/x-www-form-urlencoded"
_MOST_PATHS = 1000


async def list_tree(request: web.Request) -> web.Response:
    """Page of what is in a folder; the next one is of the same commit, even if the revision moves."""
    recursive, expand = flag(request, "recursive"), flag(request, "expand")
    folder = request.match_info.get("path", "").strip("/")
    content = await requested_repository(request).content(requested_revision(request))
    files = CommitFiles(commit_of(content.version.digest), content.files)
    last = _last_commit(content) if expand else None
    start = request.query.get("cursor", "")
    entries, following = files.tree(folder, recursive=recursive, start=start, last=last)
    url = ""
    if following:
        query = {"recursive": str(recursive).lower(), "expand": str(expand).lower(), "cursor": following}
        asked = request.match_info
        path = paths.tree_path(asked["namespace"], asked["name"], files.commit, folder)
        url = f"{endpoint_url(request)}{path}?{urlencode(query)}"
    return json_response(entries, messages.JSON, headers={COMMIT: files.commit, **next_link(url)})


async def list_paths(request: web.Request) -> web.Response:
    """Files and folders at some paths; those that are not there are left out."""
    asked = await _read_paths(request)
    if len(asked.paths) > _MOST_PATHS:
        raise InvalidParameter(f"The request has {len(asked.paths)} paths; send at most {_MOST_PATHS}.")
    content = await requested_repository(request).content(requested_revision(request))
    files = CommitFiles(commit_of(content.version.digest), content.files)
    entries = files.at(asked.paths, _last_commit(content) if asked.expand else None)
    return json_response(entries, messages.JSON, headers={COMMIT: files.commit})


async def _read_paths(request: web.Request) -> messages.PathsRequest:
    """Request as JSON, or as the form that `huggingface_hub` sends."""
    if request.content_type != _FORM:
        return await read_body(request, messages.PathsRequest)
    form = await request.post()
    fields = {"paths": form.getall("paths", []), "expand": str(form.get("expand", "false")).lower()}
    try:
        return msgspec.convert(fields, messages.PathsRequest, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"The form cannot be read: {error}.") from error


def _last_commit(content: VersionContent) -> messages.LastCommit:
    version = content.version
    return messages.LastCommit(
        commit_of(version.digest), f"Version {version.version}", messages.hub_time(version.created_at)
    )


_QUERY = (Query("recursive", BOOLEAN), Query("expand", BOOLEAN), Query("cursor", TEXT))
_ENTRIES = tuple[messages.TreeEntry, ...]

ROUTES = (
    Route(
        "GET",
        paths.TREE,
        list_tree,
        "What is in a version's top folder, in pages that a Link leads on from",
        _ENTRIES,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
    Route(
        "GET",
        paths.FOLDER,
        list_tree,
        "What is in a folder, in pages that a Link leads on from",
        _ENTRIES,
        query=_QUERY,
        errors=(VersionRecalled,),
    ),
    Route(
        "POST",
        paths.PATHS_INFO,
        list_paths,
        "Files and folders at some paths; a form is taken, too",
        _ENTRIES,
        messages.PathsRequest,
        errors=(VersionRecalled,),
    ),
)

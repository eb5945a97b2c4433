"""Files of repositories: `resolve`, which downloads are made of, and `raw`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import PathNotFound, TermsNotAccepted, VersionRecalled
from model_sharing_protocol.hugging_face import paths
from model_sharing_protocol.hugging_face.headers import COMMIT, etag, linked_headers
from model_sharing_protocol.manifest import ManifestFile, find_file
from model_sharing_protocol.revisions import commit_of
from model_sharing_provider.faces.hugging_face.endpoints import endpoint_path
from model_sharing_provider.faces.hugging_face.repositories import requested_repository, requested_revision
from model_sharing_provider.http.file_responses import file_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import FACE, Media, Route


async def get_file(request: web.Request) -> web.StreamResponse:
    """File, or a redirection to the object store that sends it."""
    if request.method == "HEAD":
        return await describe_file(request)
    path = request.match_info["path"]
    found = await requested_repository(request).open(requested_revision(request), path)
    file, commit = found.file, commit_of(found.version.digest)
    headers = {COMMIT: commit, **linked_headers(file.sha256, file.size)}
    if found.url:
        headers |= {"Location": found.url, "Cache-Control": "no-store"}
        return web.Response(status=302, headers=headers)
    context, provider = context_of(request), provider_of(request)
    return await file_response(request, context, provider.signed_files, file, headers)


async def describe_file(request: web.Request) -> web.Response:
    """Size and digest of a file, at the path that names its commit: to that, others are redirected.

    A client asks for the head of a file, keeps its digest, and later asks for the file where it was told
    that it is. There it must not find that of another version, which an alias points at meanwhile.
    """
    revision = requested_revision(request)
    content = await requested_repository(request).content(revision, to_read=True)
    commit = commit_of(content.version.digest)
    try:
        file = find_file(content.files, request.match_info["path"])
    except PathNotFound as error:
        # Clients remember which files a commit does not have.
        response = request[FACE].errors.response(error)
        response.headers[COMMIT] = commit
        return response
    headers = {COMMIT: commit, **linked_headers(file.sha256, file.size)}
    if revision.commit is None:
        headers["Location"] = _location(request, commit, file)
        return web.Response(status=307, headers=headers)
    headers |= {
        "Accept-Ranges": "bytes",
        "Content-Length": str(file.size),
        "Content-Type": "application/octet-stream",
        "ETag": etag(file.sha256),
    }
    return web.Response(headers=headers)


def _location(request: web.Request, commit: str, file: ManifestFile) -> str:
    asked = request.match_info
    return endpoint_path(request) + paths.file_path(asked["namespace"], asked["name"], commit, file.path)


_BYTES = Media("application/octet-stream")
_STATUSES = (200, 206, 302, 304, 307, 416)

ROUTES = (
    Route(
        "GET",
        paths.RESOLVE,
        get_file,
        "A file, whole or a range of it, or where it is; its head names its digest and its version's commit",
        _BYTES,
        errors=(VersionRecalled, TermsNotAccepted),
        statuses=_STATUSES,
    ),
    Route(
        "GET",
        paths.RAW,
        get_file,
        "A file, whole or a range of it, or where it is",
        _BYTES,
        errors=(VersionRecalled, TermsNotAccepted),
        statuses=_STATUSES,
    ),
)

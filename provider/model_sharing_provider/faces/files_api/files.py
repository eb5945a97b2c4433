"""The Files API `/api/2.0/fs`: the files of versions under `/Models/<catalog>/<schema>/<model>/<version>/…`.

Source: Databricks Files API as `databricks.sdk` 0.156 and MLflow 3.17 call it. MLflow asks for presigned
URLs; the SDK reads and writes files here, in parts from 50 MiB on.
"""

from __future__ import annotations

from urllib.parse import urljoin

import msgspec
from aiohttp import web

from model_sharing_protocol import files as wire
from model_sharing_protocol.errors import InvalidParameter, NotFound, SharingError, UnsupportedOperation
from model_sharing_protocol.names import FullName, normalize_name, parse_version
from model_sharing_protocol.pages import PageRequest, page_of
from model_sharing_provider.faces.files_api import run_artifacts
from model_sharing_provider.http.authentication import authenticate_principals
from model_sharing_provider.http.bodies import arriving, read_body
from model_sharing_provider.http.errors import render_unity_catalog, unity_catalog_answer
from model_sharing_provider.http.file_responses import file_response
from model_sharing_provider.http.file_urls import (
    FILES_PREFIX,
    file_upload,
    part_upload,
    upload_session,
)
from model_sharing_provider.http.middlewares import render_errors
from model_sharing_provider.http.requests import base_url, context_of, flag, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.publishing.multipart import MAX_PARTS, PartSeen
from model_sharing_provider.services.publishing.principal_files import Entry

FACE = "files"
_ROOT = "/Models/"
_MAX_URLS = 1000


def make_app() -> web.Application:
    """The sub-application to mount under the Files API's prefix."""
    app = web.Application(middlewares=[render_errors(_render), authenticate_principals(FACE)])
    app.add_routes(run_artifacts.ROUTES)
    app.add_routes(
        [
            web.get("/directories{path:/.*}", list_directory),
            web.put("/directories{path:/.*}", create_directory),
            web.get("/files{path:/.*}", get_file),
            web.put("/files{path:/.*}", put_file),
            web.delete("/files{path:/.*}", delete_file),
            web.post("/files{path:/.*}", multipart_action),
            web.post("/create-download-url", create_download_url),
            web.post("/create-upload-url", create_upload_url),
            web.post("/create-upload-part-urls", create_upload_part_urls),
            web.post("/create-abort-upload-url", create_abort_url),
        ]
    )
    return app


async def list_directory(request: web.Request) -> web.Response:
    """Also answers HEAD, by which the SDK asks whether something is a directory."""
    name, number, path = _parse(request.match_info["path"])
    entries = await provider_of(request).principal_files.folder(
        _context(request), name, number, path.rstrip("/")
    )
    listing = request.match_info["path"]
    page = PageRequest.parse(listing, request.query.get("page_size"), request.query.get("page_token"))
    found = page_of(entries, page, lambda entry: entry.path)
    root = f"{_ROOT}{name.catalog}/{name.schema}/{name.name}/{number}"
    contents = tuple(_entry(root, entry) for entry in found.items)
    return _answer(wire.Directory(contents, found.token(listing) or ""))


async def create_directory(request: web.Request) -> web.Response:
    """Folders come with the files in them, and no other way: one that is there is as good as created."""
    name, number, path = _parse(request.match_info["path"])
    try:
        await provider_of(request).principal_files.folder(_context(request), name, number, path.rstrip("/"))
    except NotFound as error:
        raise UnsupportedOperation(
            f"The folder {path!r} cannot be created empty: upload a file into it, and it is there."
        ) from error
    return _answer()


async def get_file(request: web.Request) -> web.StreamResponse:
    context, provider = _context(request), provider_of(request)
    file = await provider.principal_files.open_path(context, *_parse(request.match_info["path"]))
    return await file_response(request, context, provider.signed_files, file)


async def put_file(request: web.Request) -> web.Response:
    context, provider = _context(request), provider_of(request)
    name, number, path = _parse(request.match_info["path"])
    version = await provider.uploads.begin(context, name, number)
    overwrite = flag(request, "overwrite", default=True)
    await provider.uploads.write(context, version, path, arriving(request), overwrite=overwrite)
    return _answer()


async def delete_file(request: web.Request) -> web.Response:
    name, number, path = _parse(request.match_info["path"])
    await provider_of(request).uploads.remove(_context(request), name, number, path)
    return _answer()


async def multipart_action(request: web.Request) -> web.Response:
    name, number, path = _parse(request.match_info["path"])
    multipart = provider_of(request).multipart
    action = request.query.get("action", "")
    if (kind := request.query.get("upload_type", "multipart")) != "multipart":
        raise InvalidParameter(f"The upload_type {kind!r} is not served here; multipart is.")
    if action == "initiate-upload":
        overwrite = flag(request, "overwrite", default=True)
        session = await multipart.begin(_context(request), name, number, path, overwrite=overwrite)
        return _answer(wire.InitiatedUpload(wire.MultipartSession(session)))
    if action == "complete-upload":
        body = await read_body(request, wire.CompleteUpload)
        seen = [PartSeen(part.part_number, part.etag) for part in body.parts]
        session = request.query.get("session_token", "")
        await multipart.complete(_context(request), name, number, path, session=session, seen=seen)
        return _answer()
    raise InvalidParameter(f"The action {action!r} is not known; initiate-upload and complete-upload are.")


async def create_download_url(request: web.Request) -> web.Response:
    """The path comes in the body (MLflow) or in the query (the SDK)."""
    body = await read_body(request, wire.PathRequest) if request.can_read_body else wire.PathRequest()
    name, number, path = _parse(body.path or request.query.get("path", ""))
    url = await provider_of(request).principal_files.sign(_context(request), name, number, path)
    return _answer(wire.PresignedUrl(_absolute(request, url)))


async def create_upload_url(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UploadUrlRequest)
    name, number, path = _parse(body.path)
    overwrite = body.overwrite and flag(request, "overwrite", default=True)
    files, what = provider_of(request).principal_files, file_upload(path, overwrite=overwrite)
    upload = await files.sign_file_upload(_context(request), name, number, path, what, overwrite=overwrite)
    headers = tuple(wire.Header(*header) for header in upload.headers.items())
    return _answer(wire.PresignedUrl(_absolute(request, upload.url), headers))


async def create_upload_part_urls(request: web.Request) -> web.Response:
    body = await read_body(request, wire.PartUrlsRequest)
    first, last = body.start_part_number, body.start_part_number + body.count - 1
    if not (1 <= body.count <= _MAX_URLS and first >= 1 and last <= MAX_PARTS):
        raise InvalidParameter(f"Parts are numbered from 1 to {MAX_PARTS}, {_MAX_URLS} URLs at once.")
    numbers = range(first, last + 1)
    what = [part_upload(body.session_token, part) for part in numbers]
    urls = await _session_urls(request, body.path, body.session_token, what)
    return _answer(wire.PartUrls(tuple(map(wire.PartUrl, urls, numbers))))


async def create_abort_url(request: web.Request) -> web.Response:
    body = await read_body(request, wire.AbortRequest)
    session = body.session_token
    (url,) = await _session_urls(request, body.path, session, [upload_session(session)])
    return _answer(wire.AbortUrl(wire.PresignedUrl(url)))


def _parse(path: str) -> tuple[FullName, int, str]:
    """`/Models/<catalog>/<schema>/<model>/<version>/<relative path>`; the last may be missing."""
    parts = path.removeprefix(_ROOT).split("/", 4)
    if not path.startswith(_ROOT) or len(parts) < 4:
        raise NotFound(f"{path[:300]!r} is nothing here; files lie in {_ROOT}catalog/schema/model/version/.")
    name = FullName(
        normalize_name("catalog", parts[0]),
        normalize_name("schema", parts[1]),
        normalize_name("model", parts[2]),
    )
    return name, parse_version(parts[3]), parts[4] if len(parts) > 4 else ""


def _context(request: web.Request) -> Context:
    return context_of(request, FACE)


def _answer(body: msgspec.Struct | None = None) -> web.Response:
    return json_response(body if body is not None else {}, wire.JSON)


def _absolute(request: web.Request, url: str) -> str:
    """Of a URL that is relative to the server's; one of an object store stays as it is."""
    return urljoin(f"{base_url(request)}{FILES_PREFIX}/", url)


async def _session_urls(request: web.Request, path: str, session: str, what: list[str]) -> list[str]:
    name, number, inside = _parse(path)
    files = provider_of(request).principal_files
    urls = await files.sign_session_uploads(
        _context(request), name, number, inside, session=session, what=what
    )
    return [_absolute(request, url) for url in urls]


def _entry(root: str, entry: Entry) -> wire.DirectoryEntry:
    return wire.DirectoryEntry(
        path=f"{root}/{entry.path}",
        name=entry.path.rpartition("/")[2],
        is_directory=entry.is_directory,
        last_modified=entry.modified,
        file_size=None if entry.is_directory else entry.size,
    )


def _render(error: SharingError) -> web.Response:
    code = wire.error_code(error.row)
    if code == error.row.unity_catalog_code:
        return render_unity_catalog(error)
    return unity_catalog_answer(error, code, error.message)

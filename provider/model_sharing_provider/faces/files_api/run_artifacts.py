"""Artifacts of runs and logged models in the Files API, kept by the tracking server behind this one.

`/WorkspaceInternal/Mlflow/Artifacts/<experiment>/Runs/<run>/…` and `…/LoggedModels/<model>/…` are where
MLflow's Databricks client expects them; the tracking server's own proxy serves them under
`/api/2.0/mlflow-artifacts/artifacts`.
"""

from __future__ import annotations

import posixpath

import aiohttp
import msgspec
from aiohttp import web

from model_sharing_protocol import files_api as wire
from model_sharing_protocol.errors import InternalError, InvalidState, NotFound, UnsupportedOperation
from model_sharing_provider.faces.files_api.artifact_paths import artifact_path, artifact_url_path
from model_sharing_provider.http.requests import flag
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Nothing, Route
from model_sharing_provider.http.tracking_server import admit, ask_upstream, read_answer

_ROOT = "/WorkspaceInternal/Mlflow/Artifacts"
_RESPONSE_HEADERS = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified")
_CHUNK_BYTES = 256 * 1024


class _Artifact(msgspec.Struct):
    path: str
    is_dir: bool = False
    file_size: int | None = None


class _Listing(msgspec.Struct):
    """Folder as the tracking server's artifact proxy lists it."""

    files: list[_Artifact] = []


async def list_directory(request: web.Request) -> web.Response:
    """Folder of artifacts. Also answers HEAD, by which the SDK checks whether a path is a directory."""
    path = _upstream_path(request)
    async with ask_upstream(request, "GET", artifact_url_path(), {"path": path}) as answer:
        listed = _listing(await read_answer(answer)) if answer.status == 200 else _Listing()
    root = f"{_ROOT}/{request.match_info['artifact'].rstrip('/')}"
    contents = tuple(
        wire.DirectoryEntry(
            path=posixpath.join(root, posixpath.basename(file.path)),
            name=posixpath.basename(file.path),
            is_directory=file.is_dir,
            last_modified=0,
            file_size=file.file_size,
        )
        for file in listed.files
    )
    if not contents:
        raise NotFound(f"{root} is not a directory.")
    return json_response(wire.Directory(contents), wire.JSON)


async def get_file(request: web.Request) -> web.StreamResponse:
    """Artifact, streamed from the tracking server. Also answers HEAD."""
    async with ask_upstream(request, "GET", artifact_url_path(_upstream_path(request)), {}) as answer:
        if answer.status >= 400:
            raise NotFound(f"{request.match_info['artifact']} is not in the tracking server's artifacts.")
        headers = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
        # A browser must never show an artifact as a page of this server.
        headers["Content-Type"] = "application/octet-stream"
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        if request.method != "HEAD":
            await _pass_on(answer, response)
    return response


async def _pass_on(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    try:
        async for piece in answer.content.iter_chunked(_CHUNK_BYTES):
            await response.write(piece)
    except (aiohttp.ClientError, TimeoutError) as error:
        # The status line was sent: closing the connection is the only way left to report an error.
        raise ConnectionResetError("the tracking server's response ended early") from error


async def put_file(request: web.Request) -> web.Response:
    _check_overwrite(request)
    async with ask_upstream(request, "PUT", artifact_url_path(_upstream_path(request)), {}) as answer:
        if answer.status >= 400:
            raise InternalError(f"The tracking server refused an artifact with status {answer.status}.")
    return json_response(Nothing(), wire.JSON)


async def initiate_upload(request: web.Request) -> web.Response:
    """Multipart upload whose first part is refused: the SDK then sends the file whole.

    The tracking server only accepts whole files.
    """
    _upstream_path(request)
    await admit(request)
    _check_overwrite(request)
    return json_response(wire.InitiatedUpload(wire.MultipartSession("whole")), wire.JSON)


_DIRECTORY = f"/directories{_ROOT}/{{artifact:.+}}"
_FILE = f"/files{_ROOT}/{{artifact:.+}}"
_BYTES = Media("application/octet-stream")

ROUTES = (
    Route(
        "GET", _DIRECTORY, list_directory, "A folder of a run's or logged model's artifacts", wire.Directory
    ),
    Route("GET", _FILE, get_file, "An artifact, whole or a range of it", _BYTES, statuses=(200, 206, 416)),
    Route("PUT", _FILE, put_file, "Upload an artifact", Nothing, _BYTES),
    Route(
        "POST", _FILE, initiate_upload, "Begin an upload; the file is then sent whole", wire.InitiatedUpload
    ),
)


def _check_overwrite(request: web.Request) -> None:
    """Raise UnsupportedOperation for overwrite=false: the tracking server replaces existing files."""
    if not flag(request, "overwrite", default=True):
        raise UnsupportedOperation(
            "The tracking server behind this one replaces existing files; leave out overwrite=false."
        )


def _upstream_path(request: web.Request) -> str:
    return artifact_path(request.match_info["artifact"].removesuffix("/"))


def _listing(body: bytes) -> _Listing:
    try:
        # Some versions of MLflow write sizes as strings.
        return msgspec.json.decode(body, type=_Listing, strict=False)
    except msgspec.MsgspecError as error:
        raise InvalidState("The MLflow tracking server did not answer with a listing.") from error

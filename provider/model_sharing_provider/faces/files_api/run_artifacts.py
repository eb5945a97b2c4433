"""Artifacts of runs and logged models in the Files API, kept by the tracking server behind this one.

`/WorkspaceInternal/Mlflow/Artifacts/<experiment>/Runs/<run>/…` and `…/LoggedModels/<model>/…` are where
MLflow's Databricks client looks for them; the tracking server's own proxy has them under
`/api/2.0/mlflow-artifacts/artifacts`.
"""

from __future__ import annotations

import posixpath

import aiohttp
import msgspec
from aiohttp import web

from model_sharing_protocol import files as wire
from model_sharing_protocol.errors import InternalError, InvalidState, NotFound, UnsupportedOperation
from model_sharing_provider.faces.files_api.artifact_paths import artifact_path, artifact_url_path
from model_sharing_provider.http.requests import flag
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Nothing, Route
from model_sharing_provider.http.tracking_server import admit, ask_upstream, read_answer

_ROOT = "/WorkspaceInternal/Mlflow/Artifacts"
_PASSED_BACK = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag", "Last-Modified")
_PIECE = 256 * 1024


class _Artifact(msgspec.Struct):
    path: str
    is_dir: bool = False
    file_size: int | None = None


class _Listing(msgspec.Struct):
    """Folder as the tracking server's artifact proxy lists it."""

    files: list[_Artifact] = []


async def list_directory(request: web.Request) -> web.Response:
    """Also answers HEAD, by which the SDK asks whether something is a directory."""
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
        raise NotFound(f"{root} is no directory.")
    return json_response(wire.Directory(contents), wire.JSON)


async def get_file(request: web.Request) -> web.StreamResponse:
    """Also answers HEAD. The bytes pass through in pieces."""
    async with ask_upstream(request, "GET", artifact_url_path(_upstream_path(request)), {}) as answer:
        if answer.status >= 400:
            raise NotFound(f"{request.match_info['artifact']} is not in the tracking server's artifacts.")
        headers = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
        # Whatever it is, it is not a page of ours.
        headers["Content-Type"] = "application/octet-stream"
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        if request.method != "HEAD":
            await _hand_on(answer, response)
    return response


async def _hand_on(answer: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    try:
        async for piece in answer.content.iter_chunked(_PIECE):
            await response.write(piece)
    except (aiohttp.ClientError, TimeoutError) as error:
        # Half of it is sent: to end the connection is all that is left to say.
        raise ConnectionResetError("the tracking server's answer ended early") from error


async def put_file(request: web.Request) -> web.Response:
    _may_overwrite(request)
    async with ask_upstream(request, "PUT", artifact_url_path(_upstream_path(request)), {}) as answer:
        if answer.status >= 400:
            raise InternalError(f"The tracking server refused an artifact with status {answer.status}.")
    return json_response(Nothing(), wire.JSON)


async def initiate_upload(request: web.Request) -> web.Response:
    """The tracking server takes files whole: the SDK finds that out at the first part, and sends it whole."""
    _upstream_path(request)
    await admit(request)
    _may_overwrite(request)
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
    Route("POST", _FILE, initiate_upload, "Begin an upload, which is then sent whole", wire.InitiatedUpload),
)


def _may_overwrite(request: web.Request) -> None:
    """Raises UnsupportedOperation for an upload that may not: the tracking server replaces what is there."""
    if not flag(request, "overwrite", default=True):
        raise UnsupportedOperation(
            "The tracking server behind this one replaces files that are there; leave out overwrite=false."
        )


def _upstream_path(request: web.Request) -> str:
    return artifact_path(request.match_info["artifact"].removesuffix("/"))


def _listing(body: bytes) -> _Listing:
    try:
        # Some of MLflow's versions write sizes as strings.
        return msgspec.json.decode(body, type=_Listing, strict=False)
    except msgspec.MsgspecError as error:
        raise InvalidState("The MLflow tracking server answered with what is no listing.") from error

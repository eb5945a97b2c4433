"""Artifacts of runs and logged models in the Files API, kept by the tracking server behind this one.

`/WorkspaceInternal/Mlflow/Artifacts/<experiment>/Runs/<run>/…` and `…/LoggedModels/<model>/…` are where
MLflow's Databricks client looks for them; the tracking server's own proxy has them under
`/api/2.0/mlflow-artifacts/artifacts`.
"""

from __future__ import annotations

import posixpath
from typing import Any

import msgspec
from aiohttp import web

from model_sharing_protocol import files as wire
from model_sharing_protocol.errors import InternalError, NotFound
from model_sharing_protocol.paths import check_relative_path
from model_sharing_provider.rest.requests import json_answer
from model_sharing_provider.rest.tracking import admit, ask_upstream, passed_back

_ROOT = "/WorkspaceInternal/Mlflow/Artifacts"
_UPSTREAM = "/api/2.0/mlflow-artifacts/artifacts"
_KINDS = {"Runs": "", "LoggedModels": "models/"}
_PIECE = 256 * 1024


async def list_directory(request: web.Request) -> web.Response:
    """Also answers HEAD, by which the SDK asks whether something is a directory."""
    async with ask_upstream(request, "GET", _UPSTREAM, {"path": _upstream_path(request)}) as answer:
        listed: dict[str, Any] = msgspec.json.decode(await answer.read()) if answer.status == 200 else {}
    root = f"{_ROOT}/{request.match_info['artifact'].rstrip('/')}"
    contents = tuple(
        wire.DirectoryEntry(
            path=posixpath.join(root, posixpath.basename(file["path"])),
            name=posixpath.basename(file["path"]),
            is_directory=file.get("is_dir", False),
            last_modified=0,
            file_size=int(file["file_size"]) if "file_size" in file else None,
        )
        for file in listed.get("files", [])
    )
    if not contents:
        raise NotFound(f"{root} is no directory.")
    return json_answer(wire.Directory(contents), wire.JSON)


async def get_file(request: web.Request) -> web.StreamResponse:
    """Also answers HEAD. The bytes pass through in pieces."""
    async with ask_upstream(request, "GET", f"{_UPSTREAM}/{_upstream_path(request)}") as answer:
        if answer.status >= 400:
            raise NotFound(f"{request.match_info['artifact']} is not in the tracking server's artifacts.")
        response = web.StreamResponse(status=answer.status, headers=passed_back(answer))
        await response.prepare(request)
        if request.method != "HEAD":
            async for piece in answer.content.iter_chunked(_PIECE):
                await response.write(piece)
    return response


async def put_file(request: web.Request) -> web.Response:
    async with ask_upstream(request, "PUT", f"{_UPSTREAM}/{_upstream_path(request)}", {}) as answer:
        if answer.status >= 400:
            raise InternalError(f"The tracking server refused an artifact with status {answer.status}.")
    return json_answer({}, wire.JSON)


async def initiate_upload(request: web.Request) -> web.Response:
    """The tracking server takes files whole: the SDK finds that out at the first part, and sends it whole."""
    _upstream_path(request)
    await admit(request)
    return json_answer(wire.InitiatedUpload(wire.MultipartSession("whole")), wire.JSON)


ROUTES = [
    web.get(f"/directories{_ROOT}/{{artifact:.+}}", list_directory),
    web.get(f"/files{_ROOT}/{{artifact:.+}}", get_file),
    web.put(f"/files{_ROOT}/{{artifact:.+}}", put_file),
    web.post(f"/files{_ROOT}/{{artifact:.+}}", initiate_upload),
]


def _upstream_path(request: web.Request) -> str:
    """`<experiment>/<run>/…` or `<experiment>/models/<model>/…`, below the tracking server's artifacts."""
    parts = request.match_info["artifact"].rstrip("/").split("/", 2)
    if len(parts) < 3 or parts[1] not in _KINDS:
        raise NotFound(f"{request.match_info['artifact']!r} is no artifact of a run or a logged model.")
    return check_relative_path(f"{parts[0]}/{_KINDS[parts[1]]}{parts[2]}")

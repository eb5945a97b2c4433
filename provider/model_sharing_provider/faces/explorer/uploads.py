"""Uploads in the browser: the page of a version that waits for its files, and calls of its script.

Files come in parts, each in a request of its own, so that neither side holds more than a few of them. What
has arrived is kept: a script that finds the same digests again sends the rest.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import parse_version
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.domain.uploads import UploadedPart
from model_sharing_provider.faces.explorer.forms import read_form
from model_sharing_provider.faces.explorer.models import model_of
from model_sharing_provider.faces.explorer.page_routes import form, page
from model_sharing_provider.faces.explorer.rendering import render, see_other
from model_sharing_provider.faces.explorer.versions import version_of
from model_sharing_provider.http.bodies import body_chunks, read_body
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.services.publishing.multipart import MAX_PARTS, PartSeen

PART_BYTES = 8 * 1024 * 1024
"""Size of a part; that of a file with more than 10,000 of these grows."""
_PATH = "/register/uploads/{full_name}/{version}"
_JSON = "application/json"
_SHOWN = 50


async def show_upload(request: web.Request) -> web.Response:
    """What has arrived of a version that waits for its files; another version has its own page."""
    provider, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    version = await provider.versions.get(context, name, number)
    if version.status is not VersionStatus.PENDING_REGISTRATION:
        return see_other(request, "models", name, "versions", number)
    arrived = await provider.multipart.arrived(context, name, number)
    return render(
        request,
        "upload.html",
        name=name,
        version=version,
        size=arrived.size,
        files=arrived.files[:_SHOWN],
        more=max(0, len(arrived.files) - _SHOWN),
        begun=len([parts for parts in arrived.sessions.values() if parts]),
        part_bytes=PART_BYTES,
        max_parts=MAX_PARTS,
    )


async def list_arrived(request: web.Request) -> web.Response:
    """Files and parts that have arrived, with their digests, for the script."""
    arrived = await provider_of(request).multipart.arrived(context_of(request), *version_of(request))
    sessions = {
        arrived.paths[session]: {"id": session, "parts": {str(part.number): _known(part) for part in parts}}
        for session, parts in arrived.sessions.items()
    }
    files = {file.path: {"size": file.size, "sha256": file.sha256} for file in arrived.files}
    return _answer({"files": files, "sessions": sessions})


async def put_file(request: web.Request) -> web.Response:
    """Take in a small file, whole."""
    uploads, context = provider_of(request).uploads, context_of(request)
    version = await uploads.begin(context, *version_of(request))
    file = await uploads.write(context, version, _path(request), body_chunks(request))
    return _answer({"sha256": file.sha256})


async def begin_session(request: web.Request) -> web.Response:
    """Begin a file that comes in parts."""
    multipart = provider_of(request).multipart
    name, number = version_of(request)
    return _answer({"id": await multipart.begin(context_of(request), name, number, _path(request))})


async def put_part(request: web.Request) -> web.Response:
    services, context = provider_of(request), context_of(request)
    version = await services.uploads.begin(context, *version_of(request))
    etag = await services.multipart.write_part(
        context,
        version,
        _session(request),
        parse_version(request.match_info["number"]),
        body_chunks(request),
        by=context.caller.principal,
    )
    return _answer({"sha256": etag})


async def complete_session(request: web.Request) -> web.Response:
    """Assemble a file from its parts, whose digests the body has in order."""
    digests = await read_body(request, list[str])
    seen = [PartSeen(number, digest) for number, digest in enumerate(digests, 1)]
    name, number = version_of(request)
    file = await provider_of(request).multipart.complete(
        context_of(request), name, number, _path(request), session=_session(request), seen=seen
    )
    return _answer({"sha256": file.sha256})


async def publish(request: web.Request) -> web.Response:
    """Check the files and publish the version, as Unity Catalog's REST API does."""
    name, number = version_of(request)
    finalization = provider_of(request).finalization
    await finalization.finalize(context_of(request), name, number, any_format=True)
    return see_other(request, "models", name, "versions", number, done="registered")


async def abort(request: web.Request) -> web.Response:
    """Delete the version with what has arrived."""
    await read_form(request)
    services, context = provider_of(request), context_of(request)
    name, number = version_of(request)
    await services.uploads.begin(context, name, number)  # a published version is not deleted by this form
    await services.versions.delete(context, name, number)
    return see_other(request, "models", model_of(request), done="deleted")


def _known(part: UploadedPart) -> dict[str, object]:
    return {"size": part.size, "sha256": part.sha256}


def _path(request: web.Request) -> str:
    path = request.query.get("path", "")
    if not path or "\0" in path:
        raise InvalidParameter("The path of the file is missing, or has a NUL character.")
    return path


def _session(request: web.Request) -> str:
    try:
        return str(UUID(request.match_info["session"]))
    except ValueError as error:
        raise NotFound("This upload does not exist.") from error


def _answer(body: object) -> web.Response:
    return json_response(msgspec.to_builtins(body), _JSON, headers={"Cache-Control": "no-store"})


ROUTES = (
    page(_PATH, show_upload),
    page(f"{_PATH}/arrived", list_arrived),
    form(f"{_PATH}/files", put_file),
    form(f"{_PATH}/sessions", begin_session),
    form(f"{_PATH}/sessions/{{session}}/parts/{{number}}", put_part),
    form(f"{_PATH}/sessions/{{session}}/complete", complete_session),
    form(f"{_PATH}/publish", publish),
    form(f"{_PATH}/abort", abort),
)

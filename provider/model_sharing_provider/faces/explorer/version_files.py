"""Files of a version: their tree, text files to read, and downloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from model_sharing_protocol.errors import PathNotFound
from model_sharing_protocol.file_kinds import why_it_can_hold_code
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.pages import page_of as page_of_list
from model_sharing_protocol.revisions import Revision
from model_sharing_provider.domain.securables import VersionStatus
from model_sharing_provider.faces.explorer.listings import page_of
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.faces.explorer.rendering import explorer_url, render
from model_sharing_provider.faces.explorer.version_texts import MAX_TEXT_BYTES, is_text, read_text
from model_sharing_provider.faces.explorer.versions import version_of
from model_sharing_provider.http.file_responses import file_response
from model_sharing_provider.http.requests import context_of, provider_of

_LISTING = "explorer files"
_PATH = "/models/{full_name}/versions/{version}/files"


@dataclass(frozen=True, slots=True)
class Entry:
    """File or folder in a folder of a version; a folder has the number and the size of all files below it.

    `code` is the reason why it, or something in it, can hold code; empty if nothing can.
    """

    name: str
    path: str
    size: int
    files: int
    sha256: str
    code: str


async def list_files(request: web.Request) -> web.Response:
    """Folder of a version: `?folder=`; the top one by default."""
    name, number = version_of(request)
    folder = request.query.get("folder", "").strip("/")
    provider, context = provider_of(request), context_of(request)
    version = await provider.versions.get(context, name, number)
    files: Sequence[ManifestFile] = ()
    if version.status is VersionStatus.READY:
        files = (await provider.principal_revisions.content(context, name, Revision(number=number))).files
    entries = entries_of(files, folder)
    if folder and not entries:
        raise PathNotFound(f"There is no folder {folder[:300]!r} in this version.")
    found = page_of_list(entries, page_of(request, _LISTING), lambda entry: entry.path)
    token = found.token(_LISTING)
    where = ("models", name, "versions", number, "files")
    return render(
        request,
        "version_files.html",
        version=version,
        name=name,
        tab="Files",
        folder=folder,
        entries=found.items,
        code=sum(bool(why_it_can_hold_code(file.path)) for file in files),
        is_text=is_text,
        max_text=MAX_TEXT_BYTES,
        next=explorer_url(request, *where, folder=folder, page=token) if token else "",
    )


async def show_text(request: web.Request) -> web.Response:
    """Text file of a version, as text: `?path=`."""
    name, number = version_of(request)
    path = request.query.get("path", "")
    shown = await read_text(request, name, number, path)
    return render(
        request,
        "version_text.html",
        version=shown.version,
        name=name,
        tab="Files",
        path=path,
        text=shown.text,
    )


async def download(request: web.Request) -> web.StreamResponse:
    """File as a download, which no browser shows as a page of this server: `?path=`."""
    name, number = version_of(request)
    path = request.query.get("path", "")
    provider, context = provider_of(request), context_of(request)
    found = await provider.principal_revisions.open(context, name, Revision(number=number), path)
    if found.url:
        return web.Response(status=302, headers={"Location": found.url, "Cache-Control": "no-store"})
    encoded = quote(path.rpartition("/")[2], safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{encoded}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
    }
    return await file_response(request, context, provider.signed_files, found.file, headers)


def entries_of(files: Sequence[ManifestFile], folder: str) -> list[Entry]:
    """Files and folders in a folder, of a version with these files."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, Entry] = {}
    for file in files:
        if not file.path.startswith(prefix):
            continue
        name, below, _ = file.path.removeprefix(prefix).partition("/")
        code = why_it_can_hold_code(file.path)
        if not below:
            found[name] = Entry(name, prefix + name, file.size, 0, file.sha256, code)
            continue
        known = found.get(name, Entry(name, f"{prefix}{name}/", 0, 0, "", ""))
        code = known.code or (f"{file.path} {code}" if code else "")
        found[name] = Entry(name, known.path, known.size + file.size, known.files + 1, "", code)
    return list(found.values())


ROUTES = (
    page(_PATH, list_files),
    page(f"{_PATH}/text", show_text),
    page(f"{_PATH}/download", download),
)

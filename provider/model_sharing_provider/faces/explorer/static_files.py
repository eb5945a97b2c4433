"""Static files: the style sheet, our script, and htmx."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import hdrs, web

from model_sharing_protocol.errors import NotFound
from model_sharing_provider.faces.explorer.page_routes import page
from model_sharing_provider.http.urls import EXPLORER_PREFIX

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".LICENSE": "text/plain"}


def _read_all() -> dict[str, tuple[str, bytes]]:
    """All static files by name, each with its content type."""
    found = {}
    for file in files(__package__).joinpath("static").iterdir():
        kind = _TYPES.get(f".{file.name.rpartition('.')[2]}")
        if kind:
            found[file.name] = kind, file.read_bytes()
    return found


_FILES = _read_all()


async def static_file(request: web.Request) -> web.Response:
    """A static file. Its URL changes with it, so that browsers may keep it."""
    name = request.match_info["name"]
    if name not in _FILES:
        raise NotFound("There is nothing at this path.")
    kind, content = _FILES[name]
    headers = {hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"}
    return web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)


ROUTES = (page(f"{EXPLORER_PREFIX}/static/{{name}}", static_file),)

"""Paths of the Files API: `/Models/<catalog>/<schema>/<model>/<version>/<path>`.

OpenAPI has no syntax for a path of any number of segments, so its documents name the parts of every path.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import FullName, normalize_name, parse_version

ROOT = "/Models/"
FILES = "/files{path:/.*}"
DIRECTORIES = "/directories{path:/.*}"

_VERSION = ROOT + "{catalog}/{schema}/{model}/{version}"
DOCUMENTED_FILE = ("/files" + _VERSION + "/{path}",)
DOCUMENTED_DIRECTORY = ("/directories" + _VERSION + "/{path}",)
DOCUMENTED_DIRECTORIES = ("/directories" + _VERSION, *DOCUMENTED_DIRECTORY)


def requested_path(request: web.Request) -> tuple[FullName, int, str]:
    """Model, version and relative path in a request's path. Raises NotFound for any other path."""
    return parse_path(request.match_info["path"])


def parse_path(path: str) -> tuple[FullName, int, str]:
    """Model, version and relative path, which may be empty. Raises NotFound for any other path."""
    parts = path.removeprefix(ROOT).split("/", 4)
    if not path.startswith(ROOT) or len(parts) < 4:
        raise NotFound(f"There is no file {path[:300]!r}; paths are {ROOT}catalog/schema/model/version/….")
    name = FullName(
        normalize_name("catalog", parts[0]),
        normalize_name("schema", parts[1]),
        normalize_name("model", parts[2]),
    )
    return name, parse_version(parts[3]), parts[4] if len(parts) > 4 else ""

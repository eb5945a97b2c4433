"""Paths of the Hub's API below an endpoint, as templates of aiohttp, and the paths of files.

Clients quote a revision whole (`refs%2Fpr%2F1`), a file's path by its segments, and a folder's either way. A
template's parameter is one segment, in which a router leaves `%2F` for the handler to decode.
"""

from __future__ import annotations

from urllib.parse import quote

_REPOSITORY = "/{namespace}/{name}"
MODELS = "/api/models"
MODEL = MODELS + _REPOSITORY
REVISION = MODEL + "/revision/{revision}"
TREE = MODEL + "/tree/{revision}"
FOLDER = TREE + "/{path:.+}"
PATHS_INFO = MODEL + "/paths-info/{revision}"
REFS = MODEL + "/refs"
AUTH_CHECK = MODEL + "/auth-check"
RESOLVE = _REPOSITORY + "/resolve/{revision}/{path:.+}"
RAW = _REPOSITORY + "/raw/{revision}/{path:.+}"
WHOAMI = "/api/whoami-v2"


def repository_path(namespace: str, name: str) -> str:
    """Path of a repository below an endpoint: `/schema/model`."""
    return f"/{quote(namespace, safe='')}/{quote(name, safe='')}"


def file_path(namespace: str, name: str, revision: str, path: str) -> str:
    """Path of a file below an endpoint."""
    return f"{repository_path(namespace, name)}/resolve/{quote(revision, safe='')}/{quote(path)}"


def tree_path(namespace: str, name: str, revision: str, folder: str = "") -> str:
    """Path of a folder's listing below an endpoint; the empty `folder` is the version's top."""
    below = f"/{quote(folder, safe='')}" if folder else ""
    return f"{MODELS}{repository_path(namespace, name)}/tree/{quote(revision, safe='')}{below}"

"""Layout below the artifact root.

<artifact root>/
├── models/<model id>/versions/<version id>/<relative path>   Unity Catalog's layout
├── uploads/<version id>/<upload id>                          uploaded files of a PENDING version
├── uploads/<version id>/chunk-maps/<sha256>                  chunk maps of the large ones
├── direct/<version id>/<relative path>                       files that clients wrote to the bucket directly
├── manifests/<version id>.json                               the files of a version: defines it
├── bundles/<version id>.json                                 the provider's signature of a mirrored version
├── chunk-maps/<version id>                                   chunk maps of its large files, if it has any
├── deltas/<version id>/<sha256>-<sha256 of its base>         deltas from another version's files
└── system-tables/<sha256>.parquet                            results of table queries; deleted when old

Ids are UUIDs, so that a rename moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SHARE_TABLES = "system-tables"
_UNFINISHED = re.compile(r".+\.json#[0-9]+")
OF_VERSIONS = ("models", "uploads", "manifests", "bundles", "chunk-maps", "deltas")
"""Folders in which every object belongs to a version."""


def model_root(model_id: str) -> str:
    """Folder of a model's versions."""
    return f"models/{model_id}"


def version_root(model_id: str, version_id: str) -> str:
    """Folder of a version's files."""
    return f"{model_root(model_id)}/versions/{version_id}"


def uploads_root(version_id: str) -> str:
    """Folder of uploads that are not part of a version yet."""
    return f"uploads/{version_id}"


def direct_root(version_id: str) -> str:
    """Folder to which clients write the files of a PENDING version directly.

    They may write objects there whose names are not valid paths, which make listing fail, so it is only
    listed for one version at a time.
    """
    return f"direct/{version_id}"


def manifest_path(version_id: str) -> str:
    return f"manifests/{version_id}.json"


def bundle_path(version_id: str) -> str:
    """Path of the bundle by which another provider signed a mirrored version."""
    return f"bundles/{version_id}.json"


def chunk_maps_path(version_id: str) -> str:
    return f"chunk-maps/{version_id}"


def deltas_root(version_id: str) -> str:
    """Folder of a version's deltas."""
    return f"deltas/{version_id}"


def delta_path(version_id: str, target: str, base: str) -> str:
    """Path of the delta to the file with the digest `target` from the one with the digest `base`."""
    return f"{deltas_root(version_id)}/{target}-{base}"


def waiting_chunk_map_path(version_id: str, sha256: str) -> str:
    """Path of the chunk map of an uploaded file with this digest, until its version is finalized."""
    return f"{uploads_root(version_id)}/chunk-maps/{sha256}"


def share_table_path(sha256: str) -> str:
    return f"{SHARE_TABLES}/{sha256}.parquet"


def version_folder(paths: Sequence[str]) -> str | None:
    """Folder of the version that all these files are of; None for others, such as of external locations.

    Nothing else is ever in it: whoever may read a version's files may read whatever is there.
    """
    folder = "/".join(paths[0].split("/")[:4])
    match folder.split("/"):
        case ["models", _, "versions", _] if all(path.startswith(f"{folder}/") for path in paths):
            return folder
    return None


def version_of(path: str) -> tuple[str, str] | None:
    """Version id of an object, with the version's folder or object that contains it.

    Folders end with a slash. None for a path that does not follow this layout.
    """
    match path.split("/"):
        case ["models", _, "versions", version_id, _, *_] as parts:
            return version_id, "/".join(parts[:4]) + "/"
        case ["uploads" | "deltas" as folder, version_id, _, *_]:
            return version_id, f"{folder}/{version_id}/"
        case ["manifests" | "bundles", name] if name.endswith(".json") or _UNFINISHED.fullmatch(name):
            # An unfinished object of a killed process belongs to no version.
            return name.removesuffix(".json"), path
        case ["chunk-maps", version_id]:
            return version_id, path
    return None

"""Layout below the artifact root.

<artifact root>/
├── models/<model id>/versions/<version id>/<relative path>   Unity Catalog's layout
├── uploads/<version id>/<upload id>                          files on their way into a PENDING version, and
├── uploads/<version id>/chunk-maps/<sha256>                  the chunk maps of the large ones
├── direct/<version id>/<relative path>                       what was written for it from outside
├── manifests/<version id>.json                               what the version consists of; the truth
├── chunk-maps/<version id>                                   the chunk maps of its large files, if it has any
├── deltas/<version id>/<sha256>-<sha256 of its base>         what makes some of them of another version's
└── system-tables/<sha256>.parquet                            answers to table queries; deleted when old

Ids are UUIDs, so that a rename moves nothing.
"""

from __future__ import annotations

import re

SHARE_TABLES = "system-tables"
_UNFINISHED = re.compile(r".+\.json#[0-9]+")
OF_VERSIONS = ("models", "uploads", "manifests", "chunk-maps", "deltas")
"""The folders in which everything belongs to some version."""


def version_root(model_id: str, version_id: str) -> str:
    """The folder of a version's files."""
    return f"models/{model_id}/versions/{version_id}"


def uploads_root(version_id: str) -> str:
    """The folder of what was uploaded for a version and is not a part of it yet."""
    return f"uploads/{version_id}"


def direct_root(version_id: str) -> str:
    """The folder that a client writes the files of a PENDING version to by itself.

    It may write objects there whose names are no paths, which keep their folder from being listed: so it is
    looked at by version, and nowhere else.
    """
    return f"direct/{version_id}"


def manifest_path(version_id: str) -> str:
    return f"manifests/{version_id}.json"


def chunk_maps_path(version_id: str) -> str:
    return f"chunk-maps/{version_id}"


def deltas_root(version_id: str) -> str:
    """The folder of a version's deltas."""
    return f"deltas/{version_id}"


def delta_path(version_id: str, target: str, base: str) -> str:
    """Path of the delta that makes the file with the digest `target` of the one with the digest `base`."""
    return f"{deltas_root(version_id)}/{target}-{base}"


def waiting_chunk_map_path(version_id: str, sha256: str) -> str:
    """Path of the chunk map of an uploaded file with this digest, until its version is finalized."""
    return f"{uploads_root(version_id)}/chunk-maps/{sha256}"


def share_table_path(sha256: str) -> str:
    return f"{SHARE_TABLES}/{sha256}.parquet"


def version_of(path: str) -> tuple[str, str] | None:
    """The id of the version that an object belongs to, and the version's folder or object that it is.

    Folders end with a slash. None for a path that none of the functions above makes.
    """
    match path.split("/"):
        case ["models", _, "versions", version_id, _, *_] as parts:
            return version_id, "/".join(parts[:4]) + "/"
        case ["uploads" | "deltas" as folder, version_id, _, *_]:
            return version_id, f"{folder}/{version_id}/"
        case ["manifests", name] if name.endswith(".json") or _UNFINISHED.fullmatch(name):
            # One that a killed process left unfinished belongs to no version, whatever came of it later.
            return name.removesuffix(".json"), path
        case ["chunk-maps", version_id]:
            return version_id, path
    return None

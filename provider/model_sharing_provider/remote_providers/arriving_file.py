"""Reading of a large file while it arrives in the scratch cache."""

from __future__ import annotations

from pathlib import Path

from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import arrived_prefix
from model_sharing_protocol.manifest import ManifestFile

_PIECE_BYTES = 1024 * 1024


def read_arrived(root: Path, provider_fingerprint: str, file: ManifestFile, start: int) -> bytes:
    """Next bytes of an unfinished file from `start` on; none if they have not arrived, or it is finished.

    They are not verified, and may be replaced. Blocking.
    """
    part = Cache(root, provider_fingerprint).part_path(file.sha256)
    count = min(_PIECE_BYTES, arrived_prefix(part, file.size) - start)
    if count <= 0:
        return b""
    try:
        with part.open("rb", buffering=0) as arriving:
            arriving.seek(start)
            return arriving.read(count)
    except FileNotFoundError:  # it is complete, or was discarded
        return b""

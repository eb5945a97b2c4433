"""Small files, kept in bounded memory: many clients ask for the same configurations, tokenizers and cards.

To read one takes a hop to a thread, which costs more than all else that an answer needs. Whoever asks was
allowed to before this is looked at: here is no decision, only bytes.

- A file is kept by its path and its sha256, never by the sha256 alone: a list of files that others wrote may
  name the digest of what is not theirs.
- Bytes are kept only if they have their sha256. Damaged ones are given as those of a large file are, which
  nobody can verify before it is sent: recipients find them, and tell what is wrong.
- What is at an external location is read each time: its owner may take it away there.
"""

from __future__ import annotations

import hashlib

from cachetools import LRUCache

from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.artifacts.store_errors import is_external

SMALL_FILE_BYTES = 64 * 1024
"""Size of the largest: to hash it takes as long as to wake a thread, so that it is done at once."""
_KEPT_BYTES = 32 * 2**20
_OVERHEAD_BYTES = 512


class SmallFiles:
    """Small files of one process."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._kept: LRUCache[tuple[str, str], bytes] = LRUCache(_KEPT_BYTES, _size)

    async def read(self, path: str, sha256: str, size: int) -> bytes:
        """Read a small file. Raises NotFound, or CorruptArtifact for one that is too short."""
        content = self._kept.get((path, sha256))
        if content is None:
            content = b"".join([bytes(piece) async for piece in self._store.read(path, 0, size)])
            if not is_external(path) and hashlib.sha256(content).hexdigest() == sha256:
                self._kept[path, sha256] = content
        return content


def _size(content: bytes) -> int:
    return _OVERHEAD_BYTES + len(content)

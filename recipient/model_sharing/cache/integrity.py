"""Integrity of cached files for those who use one provider: by sha256, or by that provider's block digests.

A file is intact for everybody if its sha256 is the right one. What only a provider's signed block digests
proved is intact for that provider, as long as nobody asks for more: to `verify`, to serve it to others or to
keep it for other providers, it is hashed as a whole. So a provider that signs blocks of other bytes than
those of the sha256 deceives nobody but those who trust it, and nobody else's files are replaced.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from model_sharing.cache.deliveries import Deliveries
from model_sharing.cache.sealing import is_intact, is_sealed, modified, seal, seal_for_provider
from model_sharing.filesystem.local_files import StrPath
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import CorruptArtifact
from model_sharing_protocol.manifest import ManifestFile


class Integrity:
    """Integrity of files for one provider; `accepts_blocks`, if its block digests are enough."""

    def __init__(self, deliveries: Deliveries, *, accepts_blocks: bool) -> None:
        self._deliveries = deliveries
        self.accepts_blocks = accepts_blocks

    def is_intact(self, path: StrPath, file: ManifestFile, *, verify: bool) -> bool:
        """True if the file is sealed for all or this provider, or (or to `verify`) its sha256 is right."""
        if not verify and is_sealed(path, file):
            return True
        if self.accepts_blocks and not verify and self._is_sealed_for_provider(path, file):
            return True
        before = modified(path, file)
        if before is None or not is_intact(path, file, verify=True):
            return False
        with contextlib.suppress(OSError):  # somebody else's, or on a disk that is read only
            seal(path, file.sha256)
            self._deliveries.record_right(file.sha256, before)
        return True

    def is_delivered(self, path: StrPath, file: ManifestFile) -> bool:
        """True if the provider delivered the content of this file, which is intact."""
        return self._deliveries.has_content(file.sha256) or self._is_sealed_for_provider(path, file)

    def publish(self, path: StrPath, blob: StrPath, file: ManifestFile, *, by_blocks: bool) -> None:
        """Move a file that was verified, `by_blocks` or by its sha256, to its place among the blobs.

        Raises CorruptArtifact if its blocks were the right ones and the sha256, which another provider's file
        here has, turns out not to be: nothing is kept, and nobody is told that there is such a file.
        """
        if by_blocks and not is_sealed(blob, file):
            # Not what is sealed for all: that is others' as well.
            self._deliveries.record_sealed(file.sha256, seal_for_provider(path))
            os.replace(path, blob)
            return
        if by_blocks and hash_file(Path(path)) != (file.size, file.sha256):
            os.unlink(path)
            raise CorruptArtifact(
                f"The provider signed blocks of a file as those of the sha256 {file.sha256}, which is that "
                "of other bytes. The file was discarded. Report this to the provider."
            )
        seal(path, file.sha256)
        # It is noted first: if the process dies in between, the provider has sent it nevertheless.
        self._deliveries.record_content(file.sha256)
        if is_sealed(blob, file):
            os.unlink(path)  # another provider sent the same
        else:
            os.replace(path, blob)

    def _is_sealed_for_provider(self, path: StrPath, file: ManifestFile) -> bool:
        moment = self._deliveries.sealed_at(file.sha256)
        return moment is not None and is_sealed(path, file, moment)

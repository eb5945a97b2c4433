"""Fetcher of upstream files, as the services use it; `remote_providers` has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from model_sharing_protocol.manifest import ManifestFile
from model_sharing_provider.domain.pulls import BaseVersion, PullSource


class UpstreamFetcher(Protocol):
    """Fetcher of verified files. Every method raises the errors of a recipient, and TimeoutError."""

    async def fetch(
        self,
        source: PullSource,
        wanted: Sequence[ManifestFile],
        *,
        bases: Sequence[BaseVersion],
        deliver: Callable[[ManifestFile, Path], Awaitable[None]],
        restore: Callable[[BaseVersion, ManifestFile, Path], Awaitable[None]],
        observe: Callable[[int], None],
    ) -> int:
        """Fetch files, and deliver each that is verified: its local path, which may be linked to.

        `restore` copies a file of a base to a local path. `observe` is told the bytes that are done, from any
        thread. Returns how many crossed.
        """

    async def read_arriving(self, source: PullSource, file: ManifestFile, start: int) -> bytes:
        """Next bytes from `start` on of a large file that is being fetched, not verified; or none."""

    async def url(self, source: PullSource, sha256: str) -> str:
        """The provider's own URL of a file, valid for some minutes yet."""

"""Models whose files arrive from elsewhere, such as another registry, and are stored as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import Protocol

from model_sharing_provider.artifacts.fingerprints import Fingerprint
from model_sharing_provider.artifacts.store import Advance

Take = Callable[[AsyncIterable[bytes]], Awaitable[Fingerprint]]
"""Taker of a file's bytes, from the first to the last; it keeps nothing of a stream that fails."""


class ArrivingModel(Protocol):
    """Model at another place: `location` is where."""

    @property
    def location(self) -> str:
        """Place, as messages name it; the source of a version that has no other."""

    @property
    def sizes(self) -> Mapping[str, int | None]:
        """Size of each file in bytes, as far as it is known, by its relative path."""

    async def deliver(self, path: str, take: Take, advance: Advance) -> Fingerprint:
        """Let a file be taken, again from its start if it breaks off; `advance` counts its bytes.

        Raises CorruptArtifact for a file of another size.
        """

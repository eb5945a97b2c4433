"""File URLs of a version, renewed together when one has expired."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

PACK = "pack"
"""Under what a `FileUrls` has the URL for many small files at once, where the provider offers one."""


class FileUrls:
    """URLs of files by content digest. `renew` asks the provider for fresh ones and may raise its errors."""

    def __init__(self, urls: Mapping[str, str], renew: Callable[[], Mapping[str, str]]) -> None:
        self._urls = urls
        self._renew = renew
        self._generation = 0
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        with self._lock:
            return key in self._urls

    def get(self, sha256: str) -> tuple[str, int]:
        """URL under this key, and the generation that it is from."""
        with self._lock:
            return self._urls[sha256], self._generation

    def expired(self, generation: int) -> None:
        """Renew all URLs, after one of this generation was refused; only the first thread to say so does."""
        with self._lock:
            if generation == self._generation:
                # What is not offered any more keeps its old address, which is refused again.
                self._urls = {**self._urls, **self._renew()}
                self._generation += 1

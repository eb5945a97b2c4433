"""Watched files: small files that are read again after another process has replaced them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from model_sharing_protocol.errors import InvalidState
from model_sharing_protocol.text_files import decode_text
from model_sharing_provider.telemetry.log import log

T = TypeVar("T")


class WatchedFile(Generic[T]):
    """Watched file, checked for a change at each use, which costs a microsecond.

    An invalid replacement is logged, and the previous content remains in use.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], T], remedy: str) -> None:
        """`parse` raises ValueError. Raises InvalidState, with the remedy, for an invalid file."""
        self.path = path
        self._parse = parse
        self._remedy = remedy
        self._stamp = self._look()
        self._value = self._read()

    @property
    def value(self) -> T:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._value = self._read()
            except InvalidState as error:
                log.error("replaced file cannot be used", reason=error.message)
        return self._value

    def _look(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino

    def _read(self) -> T:
        try:
            return self._parse(decode_text(self.path.read_bytes()).encode())
        except (OSError, ValueError) as error:
            raise InvalidState(f"The file {self.path} cannot be used: {error}. {self._remedy}") from error

"""Private files, which only their owner can read."""

from __future__ import annotations

from pathlib import Path

from model_sharing_protocol.atomic_files import write_file
from model_sharing_protocol.errors import InvalidState


def write_private(path: Path, content: bytes) -> None:
    """Write a private file, completely or not at all. Raises InvalidState if it cannot be written."""
    try:
        write_file(path, content)
    except OSError as error:
        raise InvalidState(
            f"The file {path} cannot be written: {error.strerror}. If it is mounted read-only, edit a copy "
            "and replace the file with it."
        ) from error

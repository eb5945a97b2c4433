"""Write files that only their owner can read."""

from __future__ import annotations

from pathlib import Path

from model_sharing_protocol.atomic_files import write_file
from model_sharing_protocol.errors import InvalidState


def write_private(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all. Raises InvalidState for a place that cannot be written to."""
    try:
        write_file(path, content)
    except OSError as error:
        raise InvalidState(
            f"The file {path} cannot be written: {error.strerror}. If it is mounted to be read only, change "
            "a copy of it and put that in its place."
        ) from error

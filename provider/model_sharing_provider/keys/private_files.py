"""Write files that only their owner can read."""

from __future__ import annotations

import os
from pathlib import Path

from model_sharing_protocol.errors import InvalidState


def write_private(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all. Raises InvalidState for a place that cannot be written to."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InvalidState(
            f"The file {path} cannot be written: {error.strerror}. If it is mounted to be read only, change "
            "a copy of it and put that in its place."
        ) from error

"""SHA-256 digests: their written form, and the digest of a file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from model_sharing_protocol.errors import InvalidParameter

_HEX = re.compile(r"[0-9a-f]{64}")
READ_SIZE = 1024 * 1024


def check_sha256(text: str) -> str:
    """Check that `text` is 64 lower-case hexadecimal digits, and return it. Raises InvalidParameter."""
    if not _HEX.fullmatch(text):
        raise InvalidParameter(f"{text!r} is not a sha256 digest of 64 lower-case hexadecimal digits.")
    return text


def hash_file(path: Path) -> tuple[int, str]:
    """Size in bytes and sha256 of a file, read 1 MiB at a time. Blocking: call it from a thread."""
    digest = hashlib.sha256()
    size = 0
    buffer = memoryview(bytearray(READ_SIZE))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
    return size, digest.hexdigest()

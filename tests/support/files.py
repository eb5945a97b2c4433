"""Random bytes to share, and the files below a folder."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path


def random_bytes(size: int, seed: int = 0) -> bytes:
    """Bytes that differ from seed to seed."""
    return random.Random(seed).randbytes(size)


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)

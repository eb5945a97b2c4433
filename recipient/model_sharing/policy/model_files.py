"""Files of one version, as the load policy looks at them: signed sizes, and contents from a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_MAX_JSON = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Files of a version by path, with their sizes in bytes. Those that were fetched are in `folder`."""

    folder: Path
    sizes: Mapping[str, int]

    @classmethod
    def in_folder(cls, folder: Path, paths: Iterable[str]) -> Self:
        """Files that are all in `folder`."""
        return cls(folder, {path: _size(folder / path) for path in paths})

    @property
    def paths(self) -> frozenset[str]:
        """Paths of all files of the version."""
        return frozenset(self.sizes)

    def is_here(self, path: str) -> bool:
        """True for a file that was fetched, so that its content can be judged."""
        return path in self.sizes and (self.folder / path).is_file()

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Part of a file; shorter where the file ends."""
        with (self.folder / path).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def text(self, path: str, limit: int) -> str:
        """Text of a small file. Raises ValueError if it is longer than `limit` bytes, or is not UTF-8."""
        if self.sizes[path] > limit:
            raise ValueError(f"has more than {limit} bytes")
        return self.read(path, 0, limit).decode()

    def json(self, path: str) -> Any:
        """Value of a JSON file in which every reader sees the same. Raises ValueError otherwise."""
        try:
            return json.loads(self.text(path, _MAX_JSON), object_pairs_hook=_unrepeated)
        except RecursionError as error:
            raise ValueError("is nested too deeply") from error


def name_of(path: str) -> str:
    """Name of a file, without its folders."""
    return path.rsplit("/", 1)[-1]


def folder_of(path: str) -> str:
    """Folder of a file, with a slash at its end; empty at the top."""
    return path[: path.rfind("/") + 1]


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("has a key twice")
    return found

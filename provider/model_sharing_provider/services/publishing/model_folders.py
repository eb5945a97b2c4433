"""Validation of a model's folder before any byte is copied."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.paths import check_model_path, check_together
from model_sharing_provider.artifacts.store import check_storable


@dataclass(frozen=True, slots=True)
class LocalModel:
    """Model in a local folder, or in one local file: its files by their paths below `folder`, with sizes."""

    location: str
    folder: Path
    files: dict[str, int]


def inspect_local(source: Path) -> LocalModel:
    """Validate a model's folder or file. Raises InvalidModel, UnsafePath."""
    if source.is_file():
        files = {source.name: source.stat().st_size}
        folder = source.parent.resolve()
        found = LocalModel((folder / source.name).as_uri(), folder, files)
    elif source.is_dir():
        files = {path.relative_to(source).as_posix(): path.stat().st_size for path in _files(source)}
        found = LocalModel(source.resolve().as_uri(), source.resolve(), files)
    else:
        problem = "is neither a folder nor a file" if source.exists() else "does not exist"
        raise InvalidModel(f"{source} {problem}. Give a model's folder, or its file if it has only one.")
    check_paths(found.files)
    return found


def check_paths(paths: Iterable[str]) -> None:
    """Check that paths can be stored and downloaded on every platform. Raises UnsafePath."""
    for path in paths:
        check_storable(check_model_path(path))
    check_together(paths)


def _give_up(error: OSError) -> None:
    """Report an unreadable folder, which must not be left out silently."""
    raise InvalidModel(f"{error.filename} cannot be read: {error.strerror}.") from error


def _does_without(folder: Path) -> bool:
    """True for a folder that TensorFlow writes beside each `saved_model.pb`, and never misses."""
    return (folder.parent / "saved_model.pb").is_file()


def _files(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder, onerror=_give_up):
        if not folders and not names and not _does_without(Path(parent)):
            empty = Path(parent).relative_to(folder).as_posix()
            raise InvalidModel(
                f"The folder {empty!r} is empty, and cannot be stored: put a file into it, or delete it."
            )
        for name in folders:
            if (Path(parent) / name).is_symlink():
                raise InvalidModel(
                    f"{Path(parent) / name} is a symbolic link to a folder; replace it with a copy."
                )
        for name in names:
            path = Path(parent) / name
            if not path.is_file():
                raise InvalidModel(
                    f"{path} is not a regular file; a model can contain only files and folders."
                )
            found.append(path)
    return sorted(found)

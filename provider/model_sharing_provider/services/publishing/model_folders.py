"""Validation of a model's folder before any byte is copied."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.paths import check_model_path, check_together
from model_sharing_provider.artifacts.store import check_storable
from model_sharing_provider.services.publishing.mlmodel import (
    MAX_MLMODEL_BYTES,
    MLMODEL,
    MLmodel,
    parse_mlmodel,
)

_WHICH_FOLDER = "Give the folder that mlflow.<flavor>.save_model wrote."


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Folder that was validated: its files with their sizes, and its MLmodel file."""

    folder: Path
    files: dict[str, int]
    mlmodel: MLmodel


def inspect_folder(folder: Path) -> ModelFolder:
    """Validate a model's folder. Raises InvalidModel without an MLmodel file or signature, UnsafePath."""
    mlmodel = folder / MLMODEL
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InvalidModel(f"{folder} {what}. {_WHICH_FOLDER}")
    if not mlmodel.is_file():
        raise no_model(folder)
    with mlmodel.open("rb") as file:
        parsed = parse_mlmodel(file.read(MAX_MLMODEL_BYTES + 1))
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in _files(folder)}
    check_paths(files)
    parsed.check_complete(files)
    return ModelFolder(folder.resolve(), files, parsed)


def no_model(folder: Path | str) -> InvalidModel:
    return InvalidModel(f"{folder} is not an MLflow model: it has no {MLMODEL} file. {_WHICH_FOLDER}")


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

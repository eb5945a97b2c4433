"""Look a folder through before a byte is copied, so that what cannot be registered costs nothing."""

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
    """A folder that was looked through: its files with their sizes, and what its MLmodel says."""

    folder: Path
    files: dict[str, int]
    mlmodel: MLmodel


def look_through(folder: Path) -> ModelFolder:
    """Raises InvalidModel for what is no MLflow model or has no signature, UnsafePath."""
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
    """Raises UnsafePath for what could not be stored, or downloaded, everywhere."""
    for path in paths:
        check_storable(check_model_path(path))
    check_together(paths)


def _give_up(error: OSError) -> None:
    """A folder that cannot be looked into must not be left out in silence."""
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
                f"The folder {empty!r} is empty; a model consists of files: put one into it, or delete it."
            )
        for name in folders:
            if (Path(parent) / name).is_symlink():
                raise InvalidModel(
                    f"{Path(parent) / name} is a symbolic link to a folder; copy the folder in."
                )
        for name in names:
            path = Path(parent) / name
            if not path.is_file():
                raise InvalidModel(
                    f"{path} is not a regular file; a model consists of files and folders only."
                )
            found.append(path)
    return sorted(found)

"""Table of formats: which one a version has, and what reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import ModelFormat, find_format, formats_of
from model_sharing_protocol.printable import enumerated
from model_sharing_provider.services.publishing.formats.adapter import read_adapter
from model_sharing_provider.services.publishing.formats.diffusers import read_diffusers
from model_sharing_provider.services.publishing.formats.files import read_files
from model_sharing_provider.services.publishing.formats.format_reader import FormatReader, Reading
from model_sharing_provider.services.publishing.formats.gguf import read_gguf
from model_sharing_provider.services.publishing.formats.huggingface import read_huggingface
from model_sharing_provider.services.publishing.formats.mlflow import read_mlflow
from model_sharing_provider.services.publishing.formats.model_files import BoundedFiles, ModelFiles
from model_sharing_provider.services.publishing.formats.onnx import read_onnx

_READERS: dict[ModelFormat, FormatReader] = {
    ModelFormat.MLFLOW: read_mlflow,
    ModelFormat.HUGGINGFACE: read_huggingface,
    ModelFormat.ADAPTER: read_adapter,
    ModelFormat.DIFFUSERS: read_diffusers,
    ModelFormat.GGUF: read_gguf,
    ModelFormat.ONNX: read_onnx,
    ModelFormat.FILES: read_files,
}
_MARKS = {
    ModelFormat.HUGGINGFACE: "config.json with weights",
    ModelFormat.ADAPTER: "adapter_config.json",
    ModelFormat.DIFFUSERS: "model_index.json",
    ModelFormat.GGUF: "*.gguf file",
    ModelFormat.ONNX: "*.onnx file",
}
_MOST_SHOWN = 3


def choose_format(place: object, paths: Collection[str], wanted: ModelFormat | None) -> ModelFormat:
    """Format of the files at a place: the one that is wanted, or the one that is found.

    Raises InvalidModel if the files are not of that format, or of none: they are shared as mere files only
    where somebody wants that.
    """
    found = formats_of(paths)
    if wanted is ModelFormat.FILES or wanted in found:
        return wanted
    if wanted is ModelFormat.MLFLOW:
        raise InvalidModel(
            f"{place} is not an MLflow model: it has no MLmodel file. "
            f"Give the folder that mlflow.<flavor>.save_model wrote{_instead(found)}."
        )
    if wanted is not None:
        raise InvalidModel(
            f"{place} has no {_MARKS[wanted]}, which the format {wanted.value!r} needs. "
            f"Found: {_shown(paths)}{_instead(found)}."
        )
    if not found:
        raise InvalidModel(
            f"{place} is in no known format: it has no MLmodel file, no {', no '.join(_MARKS.values())}. "
            f"Found: {_shown(paths)}. To share it as it is, use --format files."
        )
    return found[0]


def find_any_format(paths: Collection[str]) -> ModelFormat:
    """Format that is found, or mere files: what Unity Catalog's open-source server takes without a look."""
    return find_format(paths) or ModelFormat.FILES


async def read_model(files: ModelFiles, model_format: ModelFormat) -> Reading:
    """Read the files of a version in a thread. Raises InvalidModel for what its format does not allow."""
    return await asyncio.to_thread(_READERS[model_format], BoundedFiles(files))


def _instead(found: Collection[ModelFormat]) -> str:
    return "".join(f", or use --format {each.value}" for each in list(found)[:1])


def _shown(paths: Collection[str]) -> str:
    return enumerated(sorted(paths), _MOST_SHOWN) if paths else "no file"

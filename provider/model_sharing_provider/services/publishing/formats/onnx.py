"""ONNX files, with the weights that they keep in other files."""

from __future__ import annotations

import posixpath
from collections import Counter
from pathlib import PurePosixPath

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import ModelSummary
from model_sharing_protocol.weights.onnx import read_model
from model_sharing_protocol.weights.tensors import DTYPES
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.huggingface import with_card
from model_sharing_provider.services.publishing.formats.json_fields import dominant
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, reader_of

SUFFIX = ".onnx"
_LIBRARY = "onnx"
_MOST_SPECS = 100


def read_onnx(files: ModelFiles) -> Reading:
    """Read ONNX files. Raises InvalidModel for hostile ones, and for weights outside of the version.

    Of several models, such as an encoder and a decoder, no more is told than that.
    """
    summaries = [_read(files, path) for path in sorted(files.sizes) if path.endswith(SUFFIX)]
    summary = summaries[0] if len(summaries) == 1 else ModelSummary(library=_LIBRARY)
    card = read_card(files)
    return Reading(summary=with_card(summary, card), license=card.license)


def _read(files: ModelFiles, path: str) -> ModelSummary:
    try:
        model = read_model(reader_of(files, path), files.sizes[path])
    except InvalidModel as error:
        raise InvalidModel(f"{path!r} is not valid. {error.message}") from error
    for location, size in model.external_data.items():
        _check_external(files, path, location, size)
    parameters = Counter({DTYPES.get(dtype, dtype): number for dtype, number in model.parameters.items()})
    return ModelSummary(
        parameters=parameters.total() or None,
        dtype=dominant(parameters),
        library=_LIBRARY,
        inputs=model.inputs[:_MOST_SPECS],
        outputs=model.outputs[:_MOST_SPECS],
    )


def _check_external(files: ModelFiles, path: str, location: str, size: int) -> None:
    """Check that weights in another file are there, below the folder of the model. Raises InvalidModel."""
    place = posixpath.normpath(str(PurePosixPath(path).parent / location.replace("\\", "/")))
    if place not in files.sizes:
        raise InvalidModel(
            f"{path!r} has weights in {location[:80]!r}, which is not one of the files. "
            "Put it beside the model, and export the model again if it is elsewhere."
        )
    if files.sizes[place] < size:
        raise InvalidModel(
            f"{path!r} has weights up to byte {size} of {place[:80]!r}, which has {files.sizes[place]} bytes."
        )

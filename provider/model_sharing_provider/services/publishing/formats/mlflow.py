"""MLflow models: folders with an MLmodel file, whose signature the registry insists on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_sharing_protocol.model_formats import ModelSummary, TensorSpec
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles
from model_sharing_provider.services.publishing.mlmodel import (
    MAX_MLMODEL_BYTES,
    MLMODEL,
    MLmodel,
    check_mlmodel_size,
    parse_mlmodel,
)


def read_mlflow(files: ModelFiles) -> Reading:
    """Read an MLflow model. Raises InvalidModel without a signature, or without a file that MLmodel names."""
    check_mlmodel_size(files.sizes[MLMODEL])
    mlmodel = parse_mlmodel(files.read(MLMODEL, 0, MAX_MLMODEL_BYTES))
    mlmodel.check_complete(files.sizes)
    card = read_card(files)
    return Reading(
        summary=_summary(mlmodel, task=card.task, base_model=card.base_model, languages=card.languages),
        license=card.license,
        signature=mlmodel.signature,
        run_id=mlmodel.run_id,
        logged_model_id=mlmodel.model_id,
    )


def _summary(mlmodel: MLmodel, **more: Any) -> ModelSummary:
    library, version = mlmodel.library
    return ModelSummary(
        library=library,
        library_version=version,
        inputs=_specs(mlmodel.signature["inputs"]),
        outputs=_specs(mlmodel.signature["outputs"]),
        **more,
    )


def _specs(columns: object) -> tuple[TensorSpec, ...]:
    """Columns, or tensors, of one side of a signature."""
    if not isinstance(columns, list):
        return ()
    return tuple(_spec(column) for column in columns if isinstance(column, dict))


def _spec(column: Mapping[str, Any]) -> TensorSpec:
    tensor = column.get("tensor-spec")
    if isinstance(tensor, dict):
        shape = tensor.get("shape")
        sizes = shape if isinstance(shape, list) else []
        return TensorSpec(
            name=_text(column.get("name")),
            dtype=_text(tensor.get("dtype")),
            shape=tuple(size for size in sizes if isinstance(size, int) and abs(size) < 2**63),
        )
    return TensorSpec(name=_text(column.get("name")), dtype=_text(column.get("type")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

"""Read an MLmodel file: the part of MLflow's format that the registry itself must understand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from model_sharing_protocol.errors import InvalidModel
from model_sharing_provider.domain.limits import MAX_ID, MAX_SIGNATURE, size_of

MLMODEL = "MLmodel"
MAX_MLMODEL_BYTES = 4 * 1024 * 1024

_SIGNATURE_FIX = (
    "Models in the registry need one, so that those who load the model know what it takes and gives. "
    "Save the model again with signature=mlflow.models.infer_signature(inputs, outputs), "
    "or with an input_example."
)


@dataclass(frozen=True, slots=True)
class MLmodel:
    """`signature` has the keys that MLflow writes: inputs, outputs, params; each parsed from its JSON."""

    signature: dict[str, Any]
    run_id: str
    flavors: tuple[str, ...] = ()


def parse_mlmodel(content: bytes) -> MLmodel:
    """Parse an MLmodel file. Raises InvalidModel if it is none, or has no signature."""
    if len(content) > MAX_MLMODEL_BYTES:
        raise InvalidModel(f"The MLmodel file is larger than {MAX_MLMODEL_BYTES} bytes.")
    try:
        fields = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidModel(f"The MLmodel file is not YAML: {type(error).__name__}.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("flavors"), dict):
        raise InvalidModel("The MLmodel file names no flavors; it was not written by MLflow.")
    signature = fields.get("signature")
    if not isinstance(signature, dict) or not (signature.get("inputs") or signature.get("params")):
        raise InvalidModel(f"The model has no signature. {_SIGNATURE_FIX}")
    parsed = {key: _parsed(signature.get(key)) for key in ("inputs", "outputs", "params")}
    if (size := len(json.dumps(parsed, default=str))) > MAX_SIGNATURE:
        raise InvalidModel(
            f"The model's signature has {size} bytes; at most {MAX_SIGNATURE} are kept with a version."
        )
    run_id = fields.get("run_id")
    if not isinstance(run_id, str):
        run_id = ""
    if size_of(run_id) > MAX_ID:
        raise InvalidModel(f"The run_id in the MLmodel file has {size_of(run_id)} bytes; at most {MAX_ID}.")
    return MLmodel(parsed, run_id, tuple(map(str, fields["flavors"])))


def _parsed(part: object) -> Any:
    if not isinstance(part, str):
        return part
    try:
        return json.loads(part)
    except ValueError as error:
        raise InvalidModel("The signature in the MLmodel file is not JSON.") from error

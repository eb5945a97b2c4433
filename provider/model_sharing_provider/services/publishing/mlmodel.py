"""MLmodel files: the part of MLflow's format that the registry itself must understand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from model_sharing_protocol.errors import InvalidModel
from model_sharing_provider.domain.limits import MAX_ID, MAX_SIGNATURE, size_of

MLMODEL = "MLmodel"
GENERIC_FLAVOR = "python_function"
MAX_MLMODEL_BYTES = 4 * 1024 * 1024

_SIGNATURE_FIX = (
    "Models in the registry need one, so that users know the model's inputs and outputs. "
    "Save the model again with signature=mlflow.models.infer_signature(inputs, outputs), "
    "or with an input_example."
)


@dataclass(frozen=True, slots=True)
class MLmodel:
    """MLmodel file. `signature` has MLflow's keys: inputs, outputs, params; each parsed from its JSON.

    `model_id` is the logged model's. `needed` are the paths of the files and folders that the model's own
    code opens when it is loaded. `library` is the one that saved the model, with its version.
    """

    signature: dict[str, Any]
    run_id: str
    model_id: str
    needed: tuple[str, ...]
    flavors: tuple[str, ...]
    library: tuple[str, str]

    def check_complete(self, paths: Iterable[str]) -> None:
        """Check that these paths include all that the model needs. Raises InvalidModel."""
        there = {str(place) for path in paths for place in (path, *PurePosixPath(path).parents)}
        for path in self.needed:
            if path not in there:
                raise InvalidModel(
                    f"The MLmodel file names {path!r}, but no such file exists; an empty folder is lost when "
                    "a model is copied. Put a file into it, and save the model again."
                )


def check_mlmodel_size(size: int) -> None:
    """Raises InvalidModel for an MLmodel file that is too large to be one."""
    if size > MAX_MLMODEL_BYTES:
        raise InvalidModel(f"The MLmodel file is larger than {MAX_MLMODEL_BYTES} bytes.")


def parse_mlmodel(content: bytes) -> MLmodel:
    """Parse an MLmodel file. Raises InvalidModel if it is invalid or has no signature."""
    import yaml  # noqa: PLC0415 - slow to import, and most commands read no MLmodel file

    check_mlmodel_size(len(content))
    try:
        fields = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidModel(f"The MLmodel file is not YAML: {type(error).__name__}.") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("flavors"), dict):
        raise InvalidModel("The MLmodel file has no flavors; it was not written by MLflow.")
    signature = fields.get("signature")
    if not isinstance(signature, dict) or not (signature.get("inputs") or signature.get("params")):
        raise InvalidModel(f"The model has no signature. {_SIGNATURE_FIX}")
    parsed = {key: _parsed(signature.get(key)) for key in ("inputs", "outputs", "params")}
    if (size := len(json.dumps(parsed, default=str))) > MAX_SIGNATURE:
        raise InvalidModel(f"The model's signature has {size} bytes; at most {MAX_SIGNATURE} are allowed.")
    flavors = fields["flavors"]
    run_id, model_id = _id(fields, "run_id"), _id(fields, "model_id")
    return MLmodel(
        parsed, run_id, model_id, _needed(flavors), tuple(map(str, flavors)), _library(fields, flavors)
    )


def _library(fields: dict[str, Any], flavors: dict[str, Any]) -> tuple[str, str]:
    """Library of the flavor that is not the generic one, with its version; MLflow if there is no other."""
    for name, flavor in flavors.items():
        if name != GENERIC_FLAVOR and isinstance(flavor, dict):
            versions = [value for key, value in flavor.items() if str(key).endswith("_version")]
            return str(name), next((value for value in versions if isinstance(value, str)), "")
    version = fields.get("mlflow_version")
    return "mlflow", version if isinstance(version, str) else ""


def _id(fields: dict[str, Any], key: str) -> str:
    """Id from MLflow; empty if there is none."""
    value = fields.get(key)
    if not isinstance(value, str):
        return ""
    if size_of(value) > MAX_ID:
        raise InvalidModel(f"The {key} in the MLmodel file has {size_of(value)} bytes; at most {MAX_ID}.")
    return value


def _needed(flavors: dict[str, Any]) -> tuple[str, ...]:
    """Artifacts and code folder that `mlflow.pyfunc` passes to the model's own code."""
    flavor = flavors.get(GENERIC_FLAVOR)
    if not isinstance(flavor, dict):
        return ()
    artifacts = flavor.get("artifacts")
    named = [flavor.get("code")]
    if isinstance(artifacts, dict):
        named += [artifact.get("path") for artifact in artifacts.values() if isinstance(artifact, dict)]
    return tuple(
        str(PurePosixPath(path.replace("\\", "/"))) for path in named if isinstance(path, str) and path
    )


def _parsed(part: object) -> Any:
    if not isinstance(part, str):
        return part
    try:
        return json.loads(part)
    except ValueError as error:
        raise InvalidModel("The signature in the MLmodel file is not JSON.") from error

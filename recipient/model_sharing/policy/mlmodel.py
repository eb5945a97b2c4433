"""MLmodel file: the keys and flavors whose loaders only read data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from model_sharing.policy.boosting import CATBOOST, LIGHTGBM, XGBOOST
from model_sharing.policy.environment import environment_location_problems
from model_sharing.policy.files import MLMODEL
from model_sharing.policy.flavor import Flavor, Options, code_problem, unknown_options
from model_sharing.policy.onnx import ONNX
from model_sharing.policy.sklearn import SKLEARN

PYFUNC = "python_function"
FLAVORS: Mapping[str, Flavor] = {
    flavor.name: flavor for flavor in (ONNX, XGBOOST, LIGHTGBM, CATBOOST, SKLEARN)
}

_LOADERS = {f"mlflow.{name}": flavor for name, flavor in FLAVORS.items()}
_MAX_BYTES = 1024 * 1024
_KEYS = frozenset(
    {"artifact_path", "databricks_runtime", "env_vars", "flavors", "is_signature_from_type_hint", "metadata"}
    | {"mlflow_version", "model_id", "model_size_bytes", "model_uuid", "prompts", "resources", "run_id"}
    | {"saved_input_example_info", "signature", "type_hint_from_example", "utc_time_created"}
)
_FILE_OPTIONS = frozenset({"data", "model_path"})
_PYFUNC_OPTIONS = _FILE_OPTIONS | {"loader_module", "python_version", "env", "code", "predict_fn"}
_PREDICT_FUNCTIONS = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"}
)


def read_mlmodel(path: Path) -> dict[Any, Any] | None:
    """Read the MLmodel file exactly as MLflow will: in the locale's encoding, by YAML's safe loader."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        with path.open() as file:
            model = yaml.safe_load(file)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError):
        return None
    return model if isinstance(model, dict) else None


def mlmodel_problems(model: dict[Any, Any] | None, paths: frozenset[str]) -> Iterator[str]:
    """Problems of the MLmodel file: what could run code, by any way into MLflow."""
    if model is None:
        yield f"the {MLMODEL} file is too large, or no plain YAML mapping"
        return
    for key in sorted(map(str, model.keys() - _KEYS)):
        yield f"the {MLMODEL} file has the unknown key {key!r}"
    yield from _example_problems(model.get("saved_input_example_info"), paths)
    flavors = model.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        yield f"the {MLMODEL} file names no flavors"
        return
    for name, options in flavors.items():
        if name == PYFUNC and isinstance(options, dict):
            yield from _pyfunc_problems(options, flavors)
        elif name in FLAVORS and isinstance(options, dict):
            yield from FLAVORS[name].option_problems(options, paths)
        else:
            yield f"the flavor {name!r} is not one that is known to load without code"


def _pyfunc_problems(options: Options, flavors: Options) -> Iterator[str]:
    yield from unknown_options(PYFUNC, options, _PYFUNC_OPTIONS)
    if options.get("code"):
        yield code_problem(PYFUNC, options)
    yield from environment_location_problems(options.get("env"))
    if str(options.get("predict_fn", "predict")) not in _PREDICT_FUNCTIONS:
        yield f"its predict_fn is {options['predict_fn']!r}"
    loader = _LOADERS.get(str(options.get("loader_module")))
    native = flavors.get(loader.name) if loader else None
    if loader is None or not isinstance(native, dict):
        yield f"its loader_module is {options.get('loader_module')!r}"
        return
    named = {key: options[key] for key in sorted(_FILE_OPTIONS & options.keys())}
    if named != {loader.pyfunc_option: native.get(loader.file_option)}:
        yield (
            f"the flavor {PYFUNC!r} loads {named}, not the file of the model's own flavor "
            f"as {loader.pyfunc_option!r}"
        )


def _example_problems(example: Any, paths: frozenset[str]) -> Iterator[str]:
    if example is None:
        return
    if not isinstance(example, dict):
        yield "its input example is not described as it should be"
        return
    for key in ("artifact_path", "serving_input_path"):
        if example.get(key) is not None and example[key] not in paths:
            yield f"its input example is {example[key]!r}, which is not in the model"

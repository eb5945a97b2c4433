"""Which models load without trust: only those in which everything is recognised as inert data.

MLflow runs code from a model's folder in many ways: pickles of every kind, a `loader_module` of the model's
choice, a `code` folder put on `sys.path`, a class named in a flavor's options. So nothing is searched for;
instead every file and every key of the MLmodel has to be one that is known to be only read. The rules follow
the loaders of MLflow 3.17 (`mlflow.onnx`, `mlflow.xgboost`, `mlflow.lightgbm`, `mlflow.catboost`,
`mlflow.sklearn` with skops, `mlflow.pyfunc`). Every flavor in the file is judged, since any may be loaded.

Scanning pickles for known tricks is no gate and not done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model_sharing_protocol.errors import InvalidModel, UntrustedCode
from model_sharing_protocol.refused_names import acts_unasked

MLMODEL = "MLmodel"
_MAX_MLMODEL_BYTES = 1024 * 1024
_NAMED_REASONS = 3

_INERT_NAMES = frozenset(
    {MLMODEL, "conda.yaml", "python_env.yaml", "registered_model_meta", "LICENSE", "NOTICE"}
)
_INERT_SUFFIXES = frozenset(
    {".json", ".onnx", ".data", ".ubj", ".lgb", ".cb", ".cbm", ".skops", ".safetensors"}
    | {".txt", ".md", ".csv", ".parquet", ".png", ".jpg", ".svg"}
)
_INERT_KEYS = frozenset(
    {"artifact_path", "databricks_runtime", "env_vars", "flavors", "is_signature_from_type_hint", "metadata"}
    | {"mlflow_version", "model_id", "model_size_bytes", "model_uuid", "prompts", "resources", "run_id"}
    | {"saved_input_example_info", "signature", "type_hint_from_example", "utc_time_created"}
)
_XGBOOST_CLASSES = frozenset(
    ["xgboost.core.Booster"]
    + [
        f"xgboost.sklearn.XGB{name}"
        for name in ("Model", "Classifier", "Regressor", "Ranker", "RFClassifier", "RFRegressor")
    ]
)
_CATBOOST_CLASSES = frozenset({"CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"})
_ONNX_OPTIONS = frozenset(
    {"inter_op_num_threads", "intra_op_num_threads", "execution_mode", "graph_optimization_level"}
)
_PREDICT_FUNCTIONS = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"}
)
_REQUIREMENT_FILES = re.compile(r"\s*(?:-r|-c|--requirement|--constraint)(?:[\s=]+(?P<path>.*))?")

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Flavor:
    """A flavor whose loader only reads data: the options it may have, and what else must hold of them."""

    keys: frozenset[str]
    problems: Callable[[Options], Iterator[str]]


def check_inert(folder: Path, paths: frozenset[str], subject: str) -> None:
    """Return if loading the model in `folder`, whose files are `paths`, can only read data.

    Otherwise raises UntrustedCode that names what could run code; InvalidModel if there is no MLmodel file.
    """
    if MLMODEL not in paths:
        raise InvalidModel(f"{subject} has no {MLMODEL} file: MLflow cannot load it. It can be downloaded.")
    reasons = list(_problems(folder, paths))
    if not reasons:
        return
    more = len(reasons) - _NAMED_REASONS
    named = "; ".join(reasons[:_NAMED_REASONS]) + (f"; and {more} more" if more > 0 else "")
    raise UntrustedCode(
        f"{subject} was not loaded, because loading it could run the provider's code on this machine: "
        f"{named}. If you trust the provider with that: load_model(…, trust_remote_code=True) for this once, "
        f"or {_mount_with_trust(subject)}. To look at the files without loading them: model-sharing download."
    )


def check_acts_on_nothing(paths: Iterable[str], subject: str) -> None:
    """Raise UntrustedCode if a tool may run one of these files only because somebody works beside it."""
    for path in sorted(paths):
        if who := acts_unasked(path):
            raise UntrustedCode(
                f"{subject} was not downloaded, because of the file {path!r}: {who} may act upon it unasked, "
                "once it lies in a folder where somebody works. If you trust the provider with that: "
                f"download with --trust-remote-code, or {_mount_with_trust(subject)}."
            )


def _mount_with_trust(subject: str) -> str:
    return f"unmount {subject.split('.', 1)[0]!r} and mount it again with --trust-remote-code"


def is_inert_file(path: str) -> bool:
    """True for a file that is only ever read as data, whatever flavor it belongs to."""
    name = path.rsplit("/", 1)[-1]
    if acts_unasked(path):
        return False
    if name.casefold() == MLMODEL.casefold():
        return path == MLMODEL
    return name in _INERT_NAMES or _suffix(path) in _INERT_SUFFIXES


def _problems(folder: Path, paths: frozenset[str]) -> Iterator[str]:
    for path in sorted(paths):
        if not is_inert_file(path):
            yield f"the file {path!r} is of a kind that can hold code"
    yield from _requirement_problems(folder, paths)
    model = _read_mlmodel(folder / MLMODEL)
    if model is None:
        yield f"the {MLMODEL} file is too large, or no plain YAML mapping"
        return
    for key in sorted(map(str, model.keys() - _INERT_KEYS)):
        yield f"the {MLMODEL} file has the unknown key {key!r}"
    yield from _example_problems(model.get("saved_input_example_info"), paths)
    flavors = model.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        yield f"the {MLMODEL} file names no flavors"
        return
    for name, options in flavors.items():
        yield from _flavor_problems(str(name), options, flavors, paths)


def _read_mlmodel(path: Path) -> dict[Any, Any] | None:
    """Read exactly as MLflow will: as text in the locale's encoding, by YAML's safe loader."""
    try:
        if path.stat().st_size > _MAX_MLMODEL_BYTES:
            return None
        with path.open() as file:
            model = yaml.safe_load(file)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError):
        return None
    return model if isinstance(model, dict) else None


def _flavor_problems(name: str, options: Any, flavors: Options, paths: frozenset[str]) -> Iterator[str]:
    flavor = _FLAVORS.get(name)
    if flavor is None or not isinstance(options, dict):
        yield f"the flavor {name!r} is not one that is known to load without code"
        return
    for key in sorted(map(str, options.keys() - flavor.keys)):
        yield f"the flavor {name!r} has the unknown option {key!r}"
    if options.get("code"):
        yield f"the flavor {name!r} puts the model's folder {options['code']!r} on the Python path"
    yield from flavor.problems(options)
    for key in ("data", "model_path", "pickled_model", "model_binary"):
        if key in options and (options[key] not in paths or "/" in str(options[key])):
            yield f"the flavor {name!r} loads {key} = {options[key]!r}, which is no file at the model's top"
    if name == "python_function":
        yield from _pyfunc_problems(options, flavors)


def _pyfunc_problems(options: Options, flavors: Options) -> Iterator[str]:
    loader = options.get("loader_module")
    native = flavors.get(_LOADERS.get(str(loader), ""))
    if not isinstance(native, dict):
        yield f"its loader_module is {loader!r}"
        return
    main = next((native[key] for key in ("pickled_model", "data", "model_binary") if key in native), None)
    if options.get("data", options.get("model_path")) != main or {"data", "model_path"} <= options.keys():
        yield "the flavor 'python_function' loads another file than the model's own flavor"
    if options.get("predict_fn", "predict") not in _PREDICT_FUNCTIONS:
        yield f"its predict_fn is {options['predict_fn']!r}"


def _onnx_problems(options: Options) -> Iterator[str]:
    yield from _wrong_suffix("onnx", options, "data", ".onnx")
    providers = options.get("providers") or []
    if not isinstance(providers, list) or not all(isinstance(provider, str) for provider in providers):
        yield "the flavor 'onnx' gives options to its execution providers, which may load libraries"
    session = options.get("onnx_session_options") or {}
    if not isinstance(session, dict) or session.keys() - _ONNX_OPTIONS:
        yield "the flavor 'onnx' has session options that may load libraries"


def _xgboost_problems(options: Options) -> Iterator[str]:
    yield from _wrong_suffix("xgboost", options, "data", ".ubj", ".json")
    if options.get("model_class", "xgboost.core.Booster") not in _XGBOOST_CLASSES:
        yield f"the flavor 'xgboost' creates an object of the class {options['model_class']!r}"


def _lightgbm_problems(options: Options) -> Iterator[str]:
    yield from _wrong_suffix("lightgbm", options, "data", ".lgb", ".txt")
    if options.get("model_class", "lightgbm.basic.Booster") != "lightgbm.basic.Booster":
        yield "the flavor 'lightgbm' unpickles a scikit-learn wrapper"


def _catboost_problems(options: Options) -> Iterator[str]:
    yield from _wrong_suffix("catboost", options, "model_binary", ".cb", ".cbm", ".json")
    if options.get("model_type") not in _CATBOOST_CLASSES or options.get("save_format") not in (
        "cbm",
        "json",
    ):
        yield "the flavor 'catboost' is not in the format cbm or json"


def _sklearn_problems(options: Options) -> Iterator[str]:
    yield from _wrong_suffix("sklearn", options, "pickled_model", ".skops")
    if options.get("serialization_format") != "skops":
        form = options.get("serialization_format", "pickle")
        yield f"the flavor 'sklearn' has the serialization format {form!r}"
    if options.get("skops_trusted_types"):
        yield "the flavor 'sklearn' brings its own list of types to trust"


def _no_problems(options: Options) -> Iterator[str]:
    return iter(())


def _wrong_suffix(flavor: str, options: Options, key: str, *suffixes: str) -> Iterator[str]:
    if _suffix(str(options.get(key))) not in suffixes:
        yield f"the flavor {flavor!r} loads {options.get(key)!r}, which is no {' or '.join(suffixes)} file"


def _example_problems(example: Any, paths: frozenset[str]) -> Iterator[str]:
    if example is None:
        return
    if not isinstance(example, dict):
        yield "its input example is not described as it should be"
        return
    for key in ("artifact_path", "serving_input_path"):
        if example.get(key) is not None and example[key] not in paths:
            yield f"its input example is {example[key]!r}, which is not in the model"


def _requirement_problems(folder: Path, paths: frozenset[str]) -> Iterator[str]:
    """MLflow follows `-r` and `-c` lines in requirements.txt while it loads: they must stay in the model."""
    for name in sorted({"requirements.txt", "constraints.txt"} & paths):
        try:
            lines = (folder / name).read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            yield f"the file {name!r} cannot be read as text"
            continue
        for line in lines:
            found = _REQUIREMENT_FILES.fullmatch(line)
            if found and (found["path"] or "").strip() not in ("requirements.txt", "constraints.txt"):
                yield f"the file {name!r} points to another file: {line.strip()[:80]!r}"


def _suffix(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return "." + name.rsplit(".", 1)[-1] if "." in name else ""


_COMMON = frozenset({"code", "extra_files"})
_FLAVORS: Mapping[str, _Flavor] = {
    "python_function": _Flavor(
        frozenset({"loader_module", "python_version", "env", "code", "data", "model_path", "predict_fn"}),
        _no_problems,
    ),
    "onnx": _Flavor(_COMMON | {"onnx_version", "data", "providers", "onnx_session_options"}, _onnx_problems),
    "xgboost": _Flavor(_COMMON | {"xgb_version", "data", "model_class", "model_format"}, _xgboost_problems),
    "lightgbm": _Flavor(
        _COMMON | {"lgb_version", "data", "model_class", "serialization_format", "skops_trusted_types"},
        _lightgbm_problems,
    ),
    "catboost": _Flavor(
        _COMMON | {"catboost_version", "model_type", "save_format", "model_binary"}, _catboost_problems
    ),
    "sklearn": _Flavor(
        _COMMON | {"sklearn_version", "pickled_model", "serialization_format", "skops_trusted_types"},
        _sklearn_problems,
    ),
}
_LOADERS = {f"mlflow.{name}": name for name in _FLAVORS if name != "python_function"}

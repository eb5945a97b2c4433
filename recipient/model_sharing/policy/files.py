"""File names that are only ever read as data."""

from __future__ import annotations

from model_sharing_protocol.refused_names import acts_unasked

MLMODEL = "MLmodel"

_INERT_NAMES = frozenset(
    {MLMODEL, "conda.yaml", "python_env.yaml", "registered_model_meta", "LICENSE", "NOTICE"}
)
_INERT_SUFFIXES = frozenset(
    {".json", ".onnx", ".data", ".ubj", ".lgb", ".cb", ".cbm", ".skops", ".safetensors"}
    | {".txt", ".md", ".csv", ".parquet", ".png", ".jpg", ".svg"}
)


def is_inert_file(path: str) -> bool:
    """True for a file that is only ever read as data, whatever flavor it belongs to.

    What is in the files that describe an environment is judged by `environment_findings`.
    """
    name = path.rsplit("/", 1)[-1]
    if acts_unasked(path):
        return False
    if name.casefold() == MLMODEL.casefold():
        return path == MLMODEL
    return name in _INERT_NAMES or suffix_of(path) in _INERT_SUFFIXES


def suffix_of(path: str) -> str:
    """Suffix of a file's name, with its dot."""
    name = path.rsplit("/", 1)[-1]
    return "." + name.rsplit(".", 1)[-1] if "." in name else ""

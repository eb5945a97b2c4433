"""Kinds of files, by their names: those that are only read, and those that hold code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from model_sharing.policy.files import suffix_of
from model_sharing.policy.finding import Finding
from model_sharing.policy.model_files import name_of
from model_sharing_protocol.refused_names import acts_unasked

_INERT_SUFFIXES = frozenset(
    {".safetensors", ".gguf", ".onnx", ".onnx_data", ".data", ".json", ".jsonl", ".jinja"}
    | {".txt", ".md", ".model", ".spm", ".tiktoken", ".vocab", ".csv", ".tsv", ".parquet"}
    | {".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".pdf", ".wav", ".flac", ".mp3"}
)
_INERT_NAMES = re.compile(
    r"LICEN[CS]E|NOTICE|README|USE_POLICY|tokenizer\.model\.v\d{1,3}(?:m\d{1,3})?|mergekit_config\.yml"
)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".mar", ".dat")
_LAYERS = (".h5", ".hdf5", ".keras", ".tflite", ".pb")
_LIBRARIES = (".so", ".dll", ".dylib", ".pyd")
_CAUSES = {
    ".py": "is Python code",
    ".pyc": "is Python code",
    **dict.fromkeys(_PICKLES, "is of a kind that is unpickled, which runs code"),
    **dict.fromkeys(_LAYERS, "is of a kind that can hold layers with code"),
    **dict.fromkeys(_LIBRARIES, "is a library of machine code"),
}


def kind_findings(paths: Iterable[str]) -> Iterator[Finding]:
    """Findings about files that are not known to be only read, by their names."""
    for path in sorted(paths):
        if who := acts_unasked(path):
            yield Finding.of_file(path, f"is acted upon unasked, by {who}")
        elif suffix_of(path) not in _INERT_SUFFIXES and not _INERT_NAMES.fullmatch(name_of(path)):
            yield Finding.of_file(
                path, _CAUSES.get(suffix_of(path).lower(), "is of a kind that can hold code")
            )

"""Kinds of files, by their names: those that programs only read, and those that can hold code.

A name is no proof. The recipient's load policy looks into files; whoever shows people a list of files has
their names alone.
"""

from __future__ import annotations

import re

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


def why_it_can_hold_code(path: str) -> str:
    """Reason why a file can hold code, by its name: `is Python code`; empty for one that is only read."""
    if who := acts_unasked(path):
        return f"is acted upon unasked, by {who}"
    name = path.rsplit("/", 1)[-1]
    suffix = f".{name.rsplit('.', 1)[-1]}" if "." in name else ""
    if suffix in _INERT_SUFFIXES or _INERT_NAMES.fullmatch(name):
        return ""
    return _CAUSES.get(suffix.lower(), "is of a kind that can hold code")

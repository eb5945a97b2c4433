"""A folder in MLflow's format with any files in it, to register."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SIGNATURE = json.dumps([{"type": "double", "name": "x", "required": True}])
MLMODEL = f"""\
flavors:
  python_function:
    loader_module: mlflow.sklearn
    model_path: model.pkl
signature:
  inputs: '{SIGNATURE}'
  outputs: '[{{"type": "double"}}]'
  params: null
"""


def write_model(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A folder in MLflow's format with these files beside its MLmodel; not meant to be loaded."""
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text(MLMODEL)
    for path, content in (files if files is not None else {"model.pkl": b"weights"}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder

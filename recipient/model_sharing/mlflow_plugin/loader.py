"""The one call of MLflow that loads a model. What comes here was verified, and passed the load policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc


def load_pyfunc(folder: Path) -> Any:
    """The pyfunc model in a folder on this disk."""
    return mlflow.pyfunc.load_model(str(folder))

"""A small scikit-learn model as MLflow saves it."""

from __future__ import annotations

import mlflow.sklearn
import pytest
from sklearn.linear_model import LinearRegression

from support.files import read_tree


def saved(folders: pytest.TempPathFactory, serialization: str) -> dict[str, bytes]:
    """Its files, serialized so: `cloudpickle` or `skops`."""
    folder = folders.mktemp(serialization) / "model"
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format=serialization, pip_requirements=["scikit-learn"]
    )
    return read_tree(folder)

"""Small scikit-learn models as MLflow saves them."""

from __future__ import annotations

import logging
from pathlib import Path

import mlflow.sklearn
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from support.files import read_tree


def saved(folders: pytest.TempPathFactory, serialization: str) -> dict[str, bytes]:
    """Files of a model, serialized so: `cloudpickle` or `skops`."""
    folder = folders.mktemp(serialization) / "model"
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format=serialization, pip_requirements=["scikit-learn"]
    )
    return read_tree(folder)


def save_iris_models(folder: Path) -> list[Path]:
    """Two models in folders of their own; the second is the better one."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    x, y = load_iris(return_X_y=True, as_frame=True)
    paths = []
    for depth in (1, 5):
        model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x, y)
        path = folder / f"iris_depth_{depth}"
        signature = infer_signature(x, model.predict(x))
        mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle")
        paths.append(path)
    return paths

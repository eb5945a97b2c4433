"""Both sides for real: a served provider, and a recipient with a home of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import mlflow.sklearn
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from model_sharing.api import blocking


@pytest.fixture(scope="session")
def iris_models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small real models; the second is the better one."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    folder = tmp_path_factory.mktemp("trained")
    x, y = load_iris(return_X_y=True, as_frame=True)
    paths = []
    for depth in (1, 5):
        model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x, y)
        path = folder / f"iris_depth_{depth}"
        signature = infer_signature(x, model.predict(x))
        mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle")
        paths.append(path)
    return paths


@pytest.fixture(autouse=True)
def recipient_home(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    home = tmp_path / "recipient-home"
    monkeypatch.setenv("MODEL_SHARING_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.getbasetemp()}/mlflow.db")
    yield home
    blocking.close()

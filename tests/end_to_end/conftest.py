"""Both sides for real: a served provider, and a recipient with a home of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_sharing.api import blocking
from support.sklearn_models import save_iris_models


@pytest.fixture(scope="session")
def iris_models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small real models; the second is the better one."""
    return save_iris_models(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def recipient_home(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    home = tmp_path / "recipient-home"
    monkeypatch.setenv("MODEL_SHARING_HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path_factory.getbasetemp()}/mlflow.db")
    yield home
    blocking.close()

"""MLflow plugin: mounted catalogs as a registry, by `mlflow.set_registry_uri("model-sharing://")`.

MLflow finds the two classes by its entry points and imports this package whenever it is imported; so what
they need is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_sharing.mlflow_plugin.artifacts import SharedArtifactRepository
    from model_sharing.mlflow_plugin.store import SharedModelStore

__all__ = ["SharedArtifactRepository", "SharedModelStore"]

_HOMES = {
    "SharedArtifactRepository": "model_sharing.mlflow_plugin.artifacts",
    "SharedModelStore": "model_sharing.mlflow_plugin.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

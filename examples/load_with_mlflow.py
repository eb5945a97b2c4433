"""The same model through MLflow's own API: existing code only sets another registry URI.

python examples/load_with_mlflow.py          after `model-sharing mount … --as vendor --trust-remote-code`
"""

from __future__ import annotations

import mlflow

mlflow.set_registry_uri("model-sharing://")

first = mlflow.pyfunc.load_model("models:/vendor.ml_team.iris_model/1")
champion = mlflow.sklearn.load_model("models:/vendor.ml_team.iris_model@Champion")
folder = mlflow.artifacts.download_artifacts(artifact_uri="models:/vendor.ml_team.iris_model@Champion")

print("version 1:", first.metadata.flavors["sklearn"]["sklearn_version"], "(scikit-learn)")
print("champion: ", champion)
print("files:    ", folder)

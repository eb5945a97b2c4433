"""Train two small scikit-learn models on the iris data and save them in MLflow's format, with signatures.

python examples/train_iris.py FOLDER        writes FOLDER/iris_v1 and FOLDER/iris_v2
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split


def train(folder: Path) -> dict[Path, float]:
    """The folders written, each with the model's accuracy on data it has not seen."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    x, y = load_iris(return_X_y=True, as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.4, random_state=4)
    accuracies = {}
    for version, (trees, depth) in enumerate([(1, 1), (50, 7)], start=1):
        model = RandomForestClassifier(n_estimators=trees, max_depth=depth, random_state=0)
        model.fit(x_train, y_train)
        path = folder / f"iris_v{version}"
        signature = infer_signature(x_train, model.predict(x_train))
        # scikit-learn models travel as pickles: the recipient has to trust the provider to load them.
        mlflow.sklearn.save_model(model, path, signature=signature, serialization_format="cloudpickle")
        accuracies[path] = model.score(x_test, y_test)
    return accuracies


if __name__ == "__main__":
    for saved, accuracy in train(Path(sys.argv[1])).items():
        print(f"{saved}  accuracy {accuracy:.3f}")

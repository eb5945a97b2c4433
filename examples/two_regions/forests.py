"""Two versions of a model of 25 MB: the second is the first, trained on with 20 more trees.

python examples/two_regions/forests.py FOLDER        writes FOLDER/forest_v1 and FOLDER/forest_v2
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import mlflow.sklearn
import numpy as np
import sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

TREES = (300, 320)
_FLOWERS = 8_000


def train(folder: Path) -> Sequence[Path]:
    """The folders written."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    measured, species = load_iris(return_X_y=True, as_frame=True)
    # Flowers measured again and again, each time a little wrong, so that the trees grow large.
    x = measured.sample(_FLOWERS, replace=True, random_state=0)
    x += np.random.default_rng(0).normal(scale=0.4, size=x.shape)
    y = species[x.index]
    forest = RandomForestClassifier(warm_start=True, random_state=0)
    folders = []
    for version, trees in enumerate(TREES, start=1):
        forest.set_params(n_estimators=trees).fit(x, y)
        path = folder / f"forest_v{version}"
        signature = infer_signature(x, forest.predict(x))
        mlflow.sklearn.save_model(
            forest,
            path,
            signature=signature,
            serialization_format="cloudpickle",
            pip_requirements=[f"scikit-learn=={sklearn.__version__}"],
        )
        folders.append(path)
    return folders


if __name__ == "__main__":
    for saved in train(Path(sys.argv[1])):
        print(saved)

"""A data scientist's session with stock MLflow: each line of input is a model to load and to ask.

`DATABRICKS_HOST` and `DATABRICKS_TOKEN` are all it knows. It answers with JSON: how long it took, and the
number of trees of the forest that came.
"""

from __future__ import annotations

import json
import sys
import time

import mlflow
import pandas as pd

FLOWER = pd.DataFrame(
    [[6.9, 3.1, 5.4, 2.1]],
    columns=["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
)

mlflow.set_registry_uri("databricks-uc")
for line in sys.stdin:
    started = time.perf_counter()
    try:
        forest = mlflow.sklearn.load_model(line.strip())
        species = int(forest.predict(FLOWER)[0])
        answer = {"trees": forest.n_estimators, "species": species, "seconds": time.perf_counter() - started}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)

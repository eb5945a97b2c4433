"""Register a model with plain MLflow, promote it, and load it by its alias; the registry is our provider.

Run it where these are set. The provider passes runs on, too, if MODEL_SHARING_PROVIDER_TRACKING_URI is set:

    export DATABRICKS_HOST=http://127.0.0.1:8642
    export DATABRICKS_TOKEN=$(cat "$MODEL_SHARING_PROVIDER_HOME/admin.token")
    python examples/register_with_mlflow.py prod.ml_team.iris_model
"""

from __future__ import annotations

import argparse

import mlflow
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("name", help="catalog.schema.model; the catalog and the schema are there already")
    name = options.parse_args().name

    mlflow.set_registry_uri("databricks-uc")
    features, species = load_iris(return_X_y=True, as_frame=True)
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            RandomForestClassifier(max_depth=7).fit(features, species),
            name="model",
            input_example=features.iloc[[0]],
            registered_model_name=name,
            serialization_format="cloudpickle",
        )

    client = mlflow.MlflowClient()
    newest = max(int(version.version) for version in client.search_model_versions(f"name='{name}'"))
    client.set_registered_model_alias(name, "Champion", newest)
    champion = mlflow.pyfunc.load_model(f"models:/{name}@Champion")
    print(f"{name}@Champion is version {newest}; it says {champion.predict(features.head(3)).tolist()}")


if __name__ == "__main__":
    main()

"""Program that does with MLflow, of whatever version runs it, what a registry's and a share's users do.

`save FOLDER` writes a model a flavor. Any of these, one after the other: `registry` is the life of a model by
a stock client of a provider, and `plugin` what a recipient does with the trusted mount `vendor`; `inert`
prints which models of `stranger`, a mount without trust, load. What fails is a traceback.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
WANTED = ROWS["x"] * 2
SIGNATURE = infer_signature(ROWS, WANTED)
LIGHTGBM = {"n_estimators": 5, "min_child_samples": 1, "verbose": -1}


class Doubling(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is not typed
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["x"] * 2


def save(folder: Path) -> None:
    """Folders called after what is in them, written as MLflow does it."""
    about: dict[str, Any] = {"signature": SIGNATURE, "pip_requirements": ["scikit-learn"]}
    linear = LinearRegression().fit(ROWS, WANTED)
    mlflow.sklearn.save_model(linear, str(folder / "pickle"), serialization_format="cloudpickle", **about)
    mlflow.pyfunc.save_model(str(folder / "pyfunc"), python_model=Doubling(), **about)
    if importlib.util.find_spec("skops"):
        mlflow.sklearn.save_model(linear, str(folder / "skops"), serialization_format="skops", **about)
    if importlib.util.find_spec("lightgbm"):
        from lightgbm import LGBMRegressor
        from mlflow.lightgbm import save_model as save_lightgbm

        wrapper = LGBMRegressor(**LIGHTGBM).fit(ROWS, WANTED)
        save_lightgbm(wrapper.booster_, str(folder / "lightgbm"), **about)
        save_lightgbm(wrapper, str(folder / "lightgbm_wrapper"), **about)
    if importlib.util.find_spec("xgboost"):
        from mlflow.xgboost import save_model as save_xgboost
        from xgboost import DMatrix, train

        boosted = train({"max_depth": 2}, DMatrix(ROWS, WANTED), 5)
        save_xgboost(boosted, str(folder / "xgboost"), model_format="ubj", **about)


def registry(name: str = "prod.ml_team.logged", other: str = "prod.ml_team.other") -> None:
    mlflow.set_registry_uri("databricks-uc")
    client = MlflowClient()
    with mlflow.start_run():
        linear = LinearRegression().fit(ROWS, WANTED)
        options = {"signature": SIGNATURE, "pip_requirements": ["scikit-learn"]}
        for _ in range(2):
            mlflow.sklearn.log_model(linear, "model", registered_model_name=name, **options)
    client.set_registered_model_alias(name, "Champion", "2")
    check(client.get_model_version_by_alias(name, "Champion").version, "2")
    check(predicted(mlflow.pyfunc.load_model(f"models:/{name}@Champion")), list(WANTED))
    client.update_registered_model(name, description="Doubles.")
    client.update_model_version(name, "2", description="The better one.")
    client.set_registered_model_tag(name, "task", "doubling")
    client.set_model_version_tag(name, "2", "checked", "yes")
    model, version = client.get_registered_model(name), client.get_model_version(name, "2")
    check((model.description, model.tags["task"]), ("Doubles.", "doubling"))
    check((version.description, version.tags["checked"]), ("The better one.", "yes"))
    check(sorted(found.version for found in client.search_model_versions(f"name='{name}'")), ["1", "2"])
    check([found.name for found in client.search_registered_models() if found.name == name], [name])
    client.copy_model_version(f"models:/{name}@Champion", other)
    check(predicted(mlflow.sklearn.load_model(f"models:/{other}/1")), list(WANTED))
    client.rename_registered_model(other, f"{other}_new")
    client.delete_registered_model_alias(name, "Champion")
    client.delete_model_version(name, "1")
    for gone in (name, f"{other}_new"):
        client.delete_registered_model(gone)
    refused(lambda: client.get_registered_model(name))


def plugin(name: str = "vendor.ml_team.pickle") -> None:
    import model_sharing

    mlflow.set_registry_uri("model-sharing://")
    client = MlflowClient()
    models = client.search_registered_models()
    trusted = [model for model in models if model.name.startswith("vendor.")]
    assert name in {model.name for model in trusted}
    for model in trusted:
        loaded = mlflow.pyfunc.load_model(f"models:/{model.name}@Champion")
        assert len(predicted(loaded)) == len(ROWS), model.name
        check(predicted(model_sharing.load_model(f"models:/{model.name}/1")), predicted(loaded))
    check(predicted(mlflow.sklearn.load_model(f"models:/{name}/1")), list(WANTED))
    check(client.get_registered_model(name).aliases, {"Champion": "1"})
    check([found.version for found in client.search_model_versions(f"name = '{name}'")], ["1"])
    check(client.get_model_version_by_alias(name, "Champion").status, "READY")
    check(client.get_model_version(name, "1").aliases, ["Champion"])
    Path("copy").mkdir()
    folder = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/1", dst_path="copy")
    assert (Path(folder) / "MLmodel").is_file()
    listed = {file.path for file in mlflow.artifacts.list_artifacts(artifact_uri=f"models:/{name}/1")}
    assert "MLmodel" in listed, listed
    assert client.get_model_version_download_uri(name, "1").startswith("model-sharing://vendor/")
    refused(lambda: client.set_registered_model_alias(name, "Champion", "1"))
    refused(lambda: client.delete_registered_model(name))


def inert() -> None:
    import model_sharing
    from model_sharing_protocol.errors import UntrustedCode

    for model in model_sharing.catalog("stranger").list_models():
        try:
            model_sharing.load_model(f"models:/{model.full_name}/1")
        except UntrustedCode:
            continue
        print(model.full_name.rpartition(".")[2])


def predicted(model: Any) -> list[float]:
    return [round(float(value), 6) for value in model.predict(ROWS)]


def check(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


def refused(call: Callable[[], object]) -> None:
    try:
        call()
    except MlflowException:
        return
    raise AssertionError("it was not refused")


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save(Path(sys.argv[2]))
    else:
        for story in sys.argv[1:]:
            {"plugin": plugin, "inert": inert, "registry": registry}[story]()

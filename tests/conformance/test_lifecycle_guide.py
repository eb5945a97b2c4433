"""Every Python sample of "Manage model lifecycle in Unity Catalog", by an unmodified MLflow client.

One notebook runs them in the guide's order against one served provider with a plain MLflow server behind it;
`DATABRICKS_HOST` and `DATABRICKS_TOKEN` are all it knows. After each sample its effect is looked at through
another face. The story is told twice: over MLflow's registry protocol, and over its native store.
What is not as printed is said where it is not: names of data and runs, and two elisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from notebook_desk import IRIS, NotebookDesk, notebook_desk


@pytest.fixture(scope="module", params=["registry protocol", "native store"])
def desk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_server: str
) -> Iterator[NotebookDesk]:
    folder = tmp_path_factory.mktemp("guide")
    with notebook_desk(folder, mlflow_server, native=request.param == "native store") as opened:
        yield opened


def test_configure_the_client(desk: NotebookDesk) -> None:
    desk.book.run("""
import mlflow
mlflow.set_registry_uri("databricks-uc")
""")
    # Where runs go is named, since a notebook's own experiment is Databricks' doing.
    desk.book.run(f'mlflow.set_experiment("guide {desk.url}")')


def test_register_a_model_using_autologging(desk: NotebookDesk) -> None:
    desk.book.run("mlflow.sklearn.autolog()")
    desk.book.run("""
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier

# Train a sklearn model on the iris dataset
X, y = datasets.load_iris(return_X_y=True, as_frame=True)
clf = RandomForestClassifier(max_depth=7)
clf.fit(X, y)

# Note that the UC model name follows the pattern
# <catalog_name>.<schema_name>.<model_name>, corresponding to
# the catalog, schema, and registered model name
# in Unity Catalog under which to create the version
# The registered model will be created if it doesn't already exist
autolog_run = mlflow.last_active_run()
model_uri = "runs:/{}/model".format(autolog_run.info.run_id)
mlflow.register_model(model_uri, "prod.ml_team.iris_model")
""")
    desk.book.run("mlflow.sklearn.autolog(disable=True)")
    assert desk.versions() == {1: "READY"}
    run_id = desk.book.value("autolog_run.info.run_id")
    assert desk.rest("GET", f"models/{IRIS}/versions/1")["run_id"] == run_id


def test_register_a_model_using_the_api(desk: NotebookDesk) -> None:
    run_id = desk.book.value("autolog_run.info.run_id")
    desk.book.run(
        """
mlflow.register_model(
  "runs:/<run_uuid>/model", "prod.ml_team.iris_model"
)
""".replace("<run_uuid>", run_id)
    )
    assert desk.versions() == {1: "READY", 2: "READY"}


def test_register_with_an_inferred_signature(desk: NotebookDesk) -> None:
    desk.book.run("""
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier

with mlflow.start_run():
    # Train a sklearn model on the iris dataset
    X, y = datasets.load_iris(return_X_y=True, as_frame=True)
    clf = RandomForestClassifier(max_depth=7)
    clf.fit(X, y)
    # Take the first row of the training dataset as the model input example.
    input_example = X.iloc[[0]]
    # Log the model and register it as a new version in UC.
    mlflow.sklearn.log_model(
        sk_model=clf,
        artifact_path="model",
        # The signature is automatically inferred from the input example and its predicted output.
        input_example=input_example,
        registered_model_name="prod.ml_team.iris_model",
    )
""")
    assert desk.versions() == {1: "READY", 2: "READY", 3: "READY"}
    shown = desk.cli("model", "show", IRIS)
    assert [version["version"] for version in shown["versions"]] == [1, 2, 3]
    assert all(version["size"] > 0 for version in shown["versions"])


def test_set_reassign_and_delete_aliases(desk: NotebookDesk) -> None:
    desk.book.run("""
from mlflow import MlflowClient
client = MlflowClient()

# create "Champion" alias for version 1 of model "prod.ml_team.iris_model"
client.set_registered_model_alias("prod.ml_team.iris_model", "Champion", 1)
""")
    assert desk.cli("model", "show", IRIS)["aliases"] == {"Champion": 1}
    desk.book.run("""
# reassign the "Champion" alias to version 2
client.set_registered_model_alias("prod.ml_team.iris_model", "Champion", 2)
""")
    assert desk.cli("model", "show", IRIS)["aliases"] == {"Champion": 2}
    desk.book.run("""
# get a model version by alias
client.get_model_version_by_alias("prod.ml_team.iris_model", "Champion")
""")
    found = desk.book.value(
        'client.get_model_version_by_alias("prod.ml_team.iris_model", "Champion").version'
    )
    assert int(found) == desk.rest("GET", f"models/{IRIS}/aliases/champion")["version"] == 2
    desk.book.run("""
# delete the alias
client.delete_registered_model_alias("prod.ml_team.iris_model", "Champion")
""")
    assert desk.cli("model", "show", IRIS)["aliases"] == {}


def test_load_by_alias_and_follow_it(desk: NotebookDesk) -> None:
    desk.rest("PUT", f"models/{IRIS}/aliases/Champion", {"version_num": 2})
    desk.book.run("test_x = X.iloc[[0, 75, 149]]")
    desk.book.run("""
import mlflow.pyfunc
model_version_uri = "models:/prod.ml_team.iris_model@Champion"
champion_version = mlflow.pyfunc.load_model(model_version_uri)
champion_version.predict(test_x)
""")
    assert desk.book.value("champion_version.predict(test_x).tolist()") == [0, 1, 2]


def test_ask_which_version_serves(desk: NotebookDesk) -> None:
    # `requests.request(...)` is an elision in the guide: something that can be asked stands for it.
    sample = """
import mlflow
import requests
client = mlflow.tracking.MlflowClient()
champion_version = client.get_model_version_by_alias("prod.ml_team.iris_model", "Champion")
# Invoke the model serving REST API to update endpoint to serve the current "Champion" version
model_name = champion_version.name
model_version = champion_version.version
requests.request(...)
"""
    desk.book.run(sample.replace("requests.request(...)", f'requests.request("GET", "{desk.url}/health")'))
    assert desk.book.value("[model_name, model_version]") == [IRIS, "2"]


def test_load_by_version_number(desk: NotebookDesk) -> None:
    desk.book.run("""
import mlflow.pyfunc
# Load version 1 of the model "prod.ml_team.iris_model"
model_version_uri = "models:/prod.ml_team.iris_model/1"
first_version = mlflow.pyfunc.load_model(model_version_uri)
first_version.predict(test_x)
""")
    assert desk.book.value("first_version.predict(test_x).tolist()") == [0, 1, 2]


def test_track_lineage_from_a_table(desk: NotebookDesk) -> None:
    # Spark reads the table on Databricks; here the data set names the same table as its source, and the run
    # says which notebook it came from, as Databricks' own notebooks do. From there on it is the guide's code.
    desk.book.run("""
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestRegressor
iris = load_iris(as_frame=True)
iris_df = iris.data.assign(species=iris.target)
source = DeltaDatasetSource(
    delta_table_name="prod.ml_team.iris", delta_table_version=0, delta_table_id="8f3b4f1e"
)
dataset = mlflow.data.from_pandas(iris_df, source=source, name="prod.ml_team.iris")
pd_df = dataset.df
""")
    desk.book.run("""
X = pd_df.drop("species", axis=1)
y = pd_df["species"]
with mlflow.start_run(tags={"mlflow.databricks.notebookID": "42"}):
    clf = RandomForestRegressor(n_estimators=100)
    clf.fit(X, y)
    mlflow.log_input(dataset, "training")
    # Take the first row of the training dataset as the model input example.
    input_example = X.iloc[[0]]
    # Log the model and register it as a new version in UC.
    mlflow.sklearn.log_model(
        sk_model=clf,
        artifact_path="model",
        # The signature is automatically inferred from the input example and its predicted output.
        input_example=input_example,
        registered_model_name="prod.ml_team.iris_classifier",
    )
""")
    kept = desk.rest("GET", "models/prod.ml_team.iris_classifier/versions/1/lineage")["lineage"]
    assert [(record["direction"], record["recorded_by"]) for record in kept] == [("UPSTREAM", "admin")]
    payload = kept[0]["payload"]
    assert payload["entities"] == [{"notebook": {"id": "42"}}]
    assert payload["lineages"][0]["source_securables"][0]["table"]["name"] == "prod.ml_team.iris"
    assert desk.cli("lineage", "prod.ml_team.iris_classifier", "1")[0]["payload"] == payload


def test_control_access(desk: NotebookDesk) -> None:
    desk.cli("principal", "create", "ana@example.com")
    changes = {"changes": [{"principal": "ana@example.com", "add": ["EXECUTE"]}]}
    answer = desk.rest("PATCH", f"permissions/function/{IRIS}", changes)
    assert answer == {"privilege_assignments": [{"principal": "ana@example.com", "privileges": ["EXECUTE"]}]}
    listed = desk.cli("grant", "list", "model", IRIS)
    assert [(grant["principal"], grant["privilege"]) for grant in listed] == [("ana@example.com", "EXECUTE")]


def test_rename_a_model(desk: NotebookDesk) -> None:
    desk.book.run(
        """
client=MlflowClient()
client.rename_registered_model("<full-model-name>", "<new-model-name>")
""".replace("<full-model-name>", "prod.ml_team.iris_classifier").replace(
            "<new-model-name>", "prod.ml_team.iris_regressor"
        )
    )
    assert desk.model("prod.ml_team.iris_classifier")["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert desk.versions("prod.ml_team.iris_regressor") == {1: "READY"}


def test_copy_a_version(desk: NotebookDesk) -> None:
    desk.book.run(
        """
client = MlflowClient()
client.copy_model_version(
  "models:/<source-model-name>/<source-model-version>",
  "<destination-model-name>",
)
""".replace("<source-model-name>/<source-model-version>", f"{IRIS}/1").replace(
            "<destination-model-name>", "prod.ml_team.iris_copy"
        )
    )
    copied = desk.rest("GET", "models/prod.ml_team.iris_copy/versions/1")
    assert (copied["status"], copied["source"]) == ("READY", f"models:/{IRIS}/1")
    # MLflow downloads the files and uploads them again, with a note of where they came from beside them; what
    # the server had linked already is kept, so that the weights are on disk once.
    weights = [
        path for path in (desk.home / "artifacts" / "models").rglob("model.*") if path.suffix != ".yaml"
    ]
    assert [path.stat().st_nlink for path in weights].count(2) == 2


def test_use_tags(desk: NotebookDesk) -> None:
    desk.book.run("""
from mlflow import MlflowClient
client = MlflowClient()

# Set registered model tag
client.set_registered_model_tag("prod.ml_team.iris_model", "task", "classification")
""")
    assert desk.model()["tags"] == [{"key": "task", "value": "classification"}]
    desk.book.run("""
# Delete registered model tag
client.delete_registered_model_tag("prod.ml_team.iris_model", "task")

# Set model version tag
client.set_model_version_tag("prod.ml_team.iris_model", "1", "validation_status", "approved")
""")
    assert "tags" not in desk.model()
    version = desk.rest("GET", f"models/{IRIS}/versions/1")
    assert version["tags"] == [{"key": "validation_status", "value": "approved"}]
    desk.book.run("""
# Delete model version tag
client.delete_model_version_tag("prod.ml_team.iris_model", "1", "validation_status")
""")
    assert "tags" not in desk.rest("GET", f"models/{IRIS}/versions/1")


def test_describe_a_model_and_a_version(desk: NotebookDesk) -> None:
    desk.about_iris("""
client = MlflowClient()
client.update_registered_model(
  name="<model-name>",
  description="<description>"
)
""")
    desk.about_iris("""
client = MlflowClient()
client.update_model_version(
  name="<model-name>",
  version=<model-version>,
  description="<description>"
)
""")
    assert desk.model()["comment"] == "<description>"
    assert desk.rest("GET", f"models/{IRIS}/versions/1")["comment"] == "<description>"


def test_list_and_search(desk: NotebookDesk) -> None:
    desk.book.run("""
client=MlflowClient()
client.search_registered_models()
""")
    found = desk.book.value("[model.name for model in client.search_registered_models()]")
    listed = desk.rest("GET", "models?catalog_name=prod&schema_name=ml_team")["registered_models"]
    assert found == [model["full_name"] for model in listed]
    printed = desk.about_iris("""
from pprint import pprint

client=MlflowClient()
[pprint(mv) for mv in client.search_model_versions("name='<model-name>'")]
""")
    assert printed.count("ModelVersion") == 3


def test_download_model_files(desk: NotebookDesk, tmp_path: Path) -> None:
    desk.book.run(f'model_name, version = "{IRIS}", 1')
    desk.book.run(
        """
import mlflow
mlflow.set_registry_uri("databricks-uc")
model_uri = f"models:/{model_name}/{version}" # reference model by version or alias
destination_path = "/local_disk0/model"
mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=destination_path)
""".replace("/local_disk0/model", str(tmp_path / "model"))
    )
    downloaded = sorted(path for path in (tmp_path / "model").rglob("*") if path.is_file())
    shown = desk.cli("model", "show", IRIS)["versions"][0]
    assert len(downloaded) == shown["num_files"]
    stored = {path.stat().st_size for path in (desk.home / "artifacts" / "models").rglob("*")}
    assert {path.stat().st_size for path in downloaded} <= stored


def test_promote_across_environments(desk: NotebookDesk) -> None:
    desk.rest("POST", "catalogs", {"name": "staging"})
    desk.rest("POST", "schemas", {"name": "ml_team", "catalog_name": "staging"})
    desk.book.run(f'client.copy_model_version("models:/{IRIS}/2", "staging.ml_team.fraud_detection")')
    desk.book.run("""
import mlflow
mlflow.set_registry_uri("databricks-uc")

client = mlflow.tracking.MlflowClient()
src_model_name = "staging.ml_team.fraud_detection"
src_model_version = "1"
src_model_uri = f"models:/{src_model_name}/{src_model_version}"
dst_model_name = "prod.ml_team.fraud_detection"
copied_model_version = client.copy_model_version(src_model_uri, dst_model_name)
""")
    desk.book.run("""
client = mlflow.tracking.MlflowClient()
client.set_registered_model_alias(name="prod.ml_team.fraud_detection", alias="Champion", version=copied_model_version.version)
""")  # noqa: E501 - as printed
    champion = desk.rest("GET", "models/prod.ml_team.fraud_detection/aliases/Champion")
    assert (champion["version"], champion["source"]) == (1, "models:/staging.ml_team.fraud_detection/1")


def test_delete_versions_and_a_model(desk: NotebookDesk) -> None:
    desk.about_iris("""
# Delete versions 1,2, and 3 of the model
client = MlflowClient()
versions=[1, 2, 3]
for version in versions:
  client.delete_model_version(name="<model-name>", version=version)
""")
    assert desk.versions() == {}
    desk.about_iris("""
client = MlflowClient()
client.delete_registered_model(name="<model-name>")
""")
    assert desk.model()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    # Bytes are gone with the rows: what is left belongs to the copies.
    left = list((desk.home / "artifacts" / "models").rglob("MLmodel"))
    assert len(left) == 4


def test_each_call_is_in_the_audit_log(desk: NotebookDesk) -> None:
    events = desk.cli("audit", "list", "--limit", "1000")
    actions = {event["action"] for event in events if event["face"] in ("mlflow", "unity-catalog")}
    assert actions >= {
        "createModel",
        "createModelVersion",
        "finalizeModelVersion",
        "setModelAlias",
        "deleteModelAlias",
        "getModelVersionByAlias",
        "updateModel",
        "updateModelTags",
        "deleteModelVersion",
        "deleteModel",
        "updatePermissions",
    }

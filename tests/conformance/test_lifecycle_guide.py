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

from model_sharing_provider.domain.audit_actions import AuditAction
from support.processes.notebook_session import IRIS, NotebookSession, notebook_session


@pytest.fixture(scope="module", params=["registry protocol", "native store"])
def admin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_server: str
) -> Iterator[NotebookSession]:
    folder = tmp_path_factory.mktemp("guide")
    with notebook_session(folder, mlflow_server, native=request.param == "native store") as opened:
        yield opened


def test_configure_the_client(admin: NotebookSession) -> None:
    admin.book.run("""
import mlflow
mlflow.set_registry_uri("databricks-uc")
""")
    # Where runs go is named, since a notebook's own experiment is Databricks' doing.
    admin.book.run(f'mlflow.set_experiment("guide {admin.url}")')


def test_register_a_model_using_autologging(admin: NotebookSession) -> None:
    admin.book.run("mlflow.sklearn.autolog()")
    admin.book.run("""
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
    admin.book.run("mlflow.sklearn.autolog(disable=True)")
    assert admin.versions() == {1: "READY"}
    run_id = admin.book.value("autolog_run.info.run_id")
    assert admin.rest("GET", f"models/{IRIS}/versions/1")["run_id"] == run_id


def test_register_a_model_using_the_api(admin: NotebookSession) -> None:
    run_id = admin.book.value("autolog_run.info.run_id")
    admin.book.run(
        """
mlflow.register_model(
  "runs:/<run_uuid>/model", "prod.ml_team.iris_model"
)
""".replace("<run_uuid>", run_id)
    )
    assert admin.versions() == {1: "READY", 2: "READY"}


def test_register_with_an_inferred_signature(admin: NotebookSession) -> None:
    admin.book.run("""
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
    assert admin.versions() == {1: "READY", 2: "READY", 3: "READY"}
    shown = admin.cli("model", "show", IRIS)
    assert [version["version"] for version in shown["versions"]] == [1, 2, 3]
    assert all(version["size"] > 0 for version in shown["versions"])


def test_set_reassign_and_delete_aliases(admin: NotebookSession) -> None:
    admin.book.run("""
from mlflow import MlflowClient
client = MlflowClient()

# create "Champion" alias for version 1 of model "prod.ml_team.iris_model"
client.set_registered_model_alias("prod.ml_team.iris_model", "Champion", 1)
""")
    assert admin.cli("model", "show", IRIS)["aliases"] == {"Champion": 1}
    admin.book.run("""
# reassign the "Champion" alias to version 2
client.set_registered_model_alias("prod.ml_team.iris_model", "Champion", 2)
""")
    assert admin.cli("model", "show", IRIS)["aliases"] == {"Champion": 2}
    admin.book.run("""
# get a model version by alias
client.get_model_version_by_alias("prod.ml_team.iris_model", "Champion")
""")
    found = admin.book.value(
        'client.get_model_version_by_alias("prod.ml_team.iris_model", "Champion").version'
    )
    assert int(found) == admin.rest("GET", f"models/{IRIS}/aliases/champion")["version"] == 2
    admin.book.run("""
# delete the alias
client.delete_registered_model_alias("prod.ml_team.iris_model", "Champion")
""")
    assert admin.cli("model", "show", IRIS)["aliases"] == {}


def test_load_by_alias_and_follow_it(admin: NotebookSession) -> None:
    admin.rest("PUT", f"models/{IRIS}/aliases/Champion", {"version_num": 2})
    admin.book.run("test_x = X.iloc[[0, 75, 149]]")
    admin.book.run("""
import mlflow.pyfunc
model_version_uri = "models:/prod.ml_team.iris_model@Champion"
champion_version = mlflow.pyfunc.load_model(model_version_uri)
champion_version.predict(test_x)
""")
    assert admin.book.value("champion_version.predict(test_x).tolist()") == [0, 1, 2]


def test_ask_which_version_serves(admin: NotebookSession) -> None:
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
    admin.book.run(sample.replace("requests.request(...)", f'requests.request("GET", "{admin.url}/health")'))
    assert admin.book.value("[model_name, model_version]") == [IRIS, "2"]


def test_load_by_version_number(admin: NotebookSession) -> None:
    admin.book.run("""
import mlflow.pyfunc
# Load version 1 of the model "prod.ml_team.iris_model"
model_version_uri = "models:/prod.ml_team.iris_model/1"
first_version = mlflow.pyfunc.load_model(model_version_uri)
first_version.predict(test_x)
""")
    assert admin.book.value("first_version.predict(test_x).tolist()") == [0, 1, 2]


def test_track_lineage_from_a_table(admin: NotebookSession) -> None:
    # Spark reads the table on Databricks; here the data set names the same table as its source, and the run
    # says which notebook it came from, as Databricks' own notebooks do. From there on it is the guide's code.
    admin.book.run("""
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
    admin.book.run("""
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
    kept = admin.rest("GET", "models/prod.ml_team.iris_classifier/versions/1/lineage")["lineage"]
    assert [(record["direction"], record["recorded_by"]) for record in kept] == [("UPSTREAM", "admin")]
    payload = kept[0]["payload"]
    assert payload["entities"] == [{"notebook": {"id": "42"}}]
    assert payload["lineages"][0]["source_securables"][0]["table"]["name"] == "prod.ml_team.iris"
    assert admin.cli("lineage", "prod.ml_team.iris_classifier", "1")[0]["payload"] == payload


def test_control_access(admin: NotebookSession) -> None:
    admin.cli("principal", "create", "ana@example.com")
    changes = {"changes": [{"principal": "ana@example.com", "add": ["EXECUTE"]}]}
    answer = admin.rest("PATCH", f"permissions/function/{IRIS}", changes)
    assert answer == {"privilege_assignments": [{"principal": "ana@example.com", "privileges": ["EXECUTE"]}]}
    listed = admin.cli("grant", "list", "model", IRIS)
    assert [(grant["principal"], grant["privilege"]) for grant in listed] == [("ana@example.com", "EXECUTE")]


def test_rename_a_model(admin: NotebookSession) -> None:
    admin.book.run(
        """
client=MlflowClient()
client.rename_registered_model("<full-model-name>", "<new-model-name>")
""".replace("<full-model-name>", "prod.ml_team.iris_classifier").replace(
            "<new-model-name>", "prod.ml_team.iris_regressor"
        )
    )
    assert admin.model("prod.ml_team.iris_classifier")["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert admin.versions("prod.ml_team.iris_regressor") == {1: "READY"}


def test_copy_a_version(admin: NotebookSession) -> None:
    admin.book.run(
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
    copied = admin.rest("GET", "models/prod.ml_team.iris_copy/versions/1")
    assert (copied["status"], copied["source"]) == ("READY", f"models:/{IRIS}/1")
    # MLflow downloads the files and uploads them again, with a note of where they came from beside them; what
    # the server had linked already is kept, so that the weights are on disk once.
    weights = [
        path for path in (admin.home / "artifacts" / "models").rglob("model.*") if path.suffix != ".yaml"
    ]
    assert [path.stat().st_nlink for path in weights].count(2) == 2


def test_use_tags(admin: NotebookSession) -> None:
    admin.book.run("""
from mlflow import MlflowClient
client = MlflowClient()

# Set registered model tag
client.set_registered_model_tag("prod.ml_team.iris_model", "task", "classification")
""")
    assert admin.model()["tags"] == [{"key": "task", "value": "classification"}]
    admin.book.run("""
# Delete registered model tag
client.delete_registered_model_tag("prod.ml_team.iris_model", "task")

# Set model version tag
client.set_model_version_tag("prod.ml_team.iris_model", "1", "validation_status", "approved")
""")
    assert "tags" not in admin.model()
    version = admin.rest("GET", f"models/{IRIS}/versions/1")
    assert version["tags"] == [{"key": "validation_status", "value": "approved"}]
    admin.book.run("""
# Delete model version tag
client.delete_model_version_tag("prod.ml_team.iris_model", "1", "validation_status")
""")
    assert "tags" not in admin.rest("GET", f"models/{IRIS}/versions/1")


def test_describe_a_model_and_a_version(admin: NotebookSession) -> None:
    admin.about_iris("""
client = MlflowClient()
client.update_registered_model(
  name="<model-name>",
  description="<description>"
)
""")
    admin.about_iris("""
client = MlflowClient()
client.update_model_version(
  name="<model-name>",
  version=<model-version>,
  description="<description>"
)
""")
    assert admin.model()["comment"] == "<description>"
    assert admin.rest("GET", f"models/{IRIS}/versions/1")["comment"] == "<description>"


def test_list_and_search(admin: NotebookSession) -> None:
    admin.book.run("""
client=MlflowClient()
client.search_registered_models()
""")
    found = admin.book.value("[model.name for model in client.search_registered_models()]")
    listed = admin.rest("GET", "models?catalog_name=prod&schema_name=ml_team")["registered_models"]
    assert found == [model["full_name"] for model in listed]
    printed = admin.about_iris("""
from pprint import pprint

client=MlflowClient()
[pprint(mv) for mv in client.search_model_versions("name='<model-name>'")]
""")
    assert printed.count("ModelVersion") == 3


def test_download_model_files(admin: NotebookSession, tmp_path: Path) -> None:
    admin.book.run(f'model_name, version = "{IRIS}", 1')
    admin.book.run(
        """
import mlflow
mlflow.set_registry_uri("databricks-uc")
model_uri = f"models:/{model_name}/{version}" # reference model by version or alias
destination_path = "/local_disk0/model"
mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=destination_path)
""".replace("/local_disk0/model", str(tmp_path / "model"))
    )
    downloaded = sorted(path for path in (tmp_path / "model").rglob("*") if path.is_file())
    shown = admin.cli("model", "show", IRIS)["versions"][0]
    assert len(downloaded) == shown["num_files"]
    stored = {path.stat().st_size for path in (admin.home / "artifacts" / "models").rglob("*")}
    assert {path.stat().st_size for path in downloaded} <= stored


def test_promote_across_environments(admin: NotebookSession) -> None:
    admin.rest("POST", "catalogs", {"name": "staging"})
    admin.rest("POST", "schemas", {"name": "ml_team", "catalog_name": "staging"})
    admin.book.run(f'client.copy_model_version("models:/{IRIS}/2", "staging.ml_team.fraud_detection")')
    admin.book.run("""
import mlflow
mlflow.set_registry_uri("databricks-uc")

client = mlflow.tracking.MlflowClient()
src_model_name = "staging.ml_team.fraud_detection"
src_model_version = "1"
src_model_uri = f"models:/{src_model_name}/{src_model_version}"
dst_model_name = "prod.ml_team.fraud_detection"
copied_model_version = client.copy_model_version(src_model_uri, dst_model_name)
""")
    admin.book.run("""
client = mlflow.tracking.MlflowClient()
client.set_registered_model_alias(name="prod.ml_team.fraud_detection", alias="Champion", version=copied_model_version.version)
""")  # noqa: E501 - as printed
    champion = admin.rest("GET", "models/prod.ml_team.fraud_detection/aliases/Champion")
    assert (champion["version"], champion["source"]) == (1, "models:/staging.ml_team.fraud_detection/1")


def test_delete_versions_and_a_model(admin: NotebookSession) -> None:
    admin.about_iris("""
# Delete versions 1,2, and 3 of the model
client = MlflowClient()
versions=[1, 2, 3]
for version in versions:
  client.delete_model_version(name="<model-name>", version=version)
""")
    assert admin.versions() == {}
    admin.about_iris("""
client = MlflowClient()
client.delete_registered_model(name="<model-name>")
""")
    assert admin.model()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    # Bytes are gone with the rows: what is left belongs to the copies.
    left = list((admin.home / "artifacts" / "models").rglob("MLmodel"))
    assert len(left) == 4


def test_each_call_is_in_the_audit_log(admin: NotebookSession) -> None:
    events = admin.cli("audit", "list", "--limit", "1000")
    actions = {event["action"] for event in events if event["face"] in ("mlflow-registry", "unity-catalog")}
    assert actions >= {
        AuditAction.CREATE_REGISTERED_MODEL,
        AuditAction.CREATE_MODEL_VERSION,
        AuditAction.FINALIZE_MODEL_VERSION,
        AuditAction.SET_REGISTERED_MODEL_ALIAS,
        AuditAction.DELETE_REGISTERED_MODEL_ALIAS,
        AuditAction.GET_MODEL_VERSION_BY_ALIAS,
        AuditAction.UPDATE_REGISTERED_MODEL,
        AuditAction.UPDATE_REGISTERED_MODEL_TAGS,
        AuditAction.DELETE_MODEL_VERSION,
        AuditAction.DELETE_REGISTERED_MODEL,
        AuditAction.UPDATE_PERMISSIONS,
    }

"""MLflow's own API over a mounted share: all of it reads, none of it writes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore

import model_sharing
from model_sharing.mlflow_plugin import SharedArtifactRepository, SharedModelStore
from model_sharing.resolution.known_state import UnwrittenStateWarning
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.sklearn_models import saved
from support.small_disk import read_only

NAME = "vendor.ml_team.iris_model"
READING = {
    "get_registered_model",
    "search_registered_models",
    "search_model_versions",
    "get_latest_versions",
    "get_model_version",
    "get_model_version_by_alias",
    "get_model_version_download_uri",
    "supports_workspaces",
}


@pytest.fixture(scope="module")
def skops_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return saved(tmp_path_factory, "skops")


@pytest.fixture
def client(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, skops_model: dict[str, bytes]
) -> MlflowClient:
    fake_provider.publish("ml_team.iris_model", 1, skops_model, "Challenger")
    fake_provider.publish("ml_team.iris_model", 2, skops_model | {"extra/notes.md": b"notes"}, "Champion")
    fake_provider.publish("ml_team.other", 1, {"MLmodel": b"flavors: {}"})
    mlflow.set_registry_uri("model-sharing://")
    return MlflowClient(registry_uri="model-sharing://")


@pytest.mark.parametrize("suffix", ["/1", "/2", "@Champion", "@challenger"])
def test_mlflow_loads_by_number_and_alias(client: MlflowClient, suffix: str) -> None:
    uri = f"models:/{NAME}{suffix}"
    assert mlflow.pyfunc.load_model(uri).predict([[3.0]]) == pytest.approx([6.0])
    assert mlflow.sklearn.load_model(uri).predict([[3.0]]) == pytest.approx([6.0])


def test_the_second_load_transfers_no_artifact(client: MlflowClient, fake_provider: FakeProvider) -> None:
    mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")
    fake_provider.requests.clear()
    mlflow.pyfunc.load_model(f"models:/{NAME}@Champion")
    assert not fake_provider.file_requests()


def test_mlflow_loads_from_a_home_that_is_read_only(client: MlflowClient, home: Path) -> None:
    mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    model_sharing.pull("vendor")
    with read_only(home), pytest.warns(UnwrittenStateWarning):
        for version in (1, 2):
            loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/{version}")
            assert loaded.predict([[3.0]]) == pytest.approx([6.0])


def test_artifacts_are_downloaded_and_may_be_edited(
    client: MlflowClient, skops_model: dict[str, bytes], tmp_path: Path
) -> None:
    uri = f"models:/{NAME}@Champion"
    cached = mlflow.artifacts.download_artifacts(artifact_uri=uri)
    assert read_tree(Path(cached)).items() >= skops_model.items()
    folder = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(tmp_path / "mine"))
    (Path(folder) / "MLmodel").write_text("edited")
    notes = mlflow.artifacts.download_artifacts(artifact_uri=f"{uri}/extra/notes.md")
    assert Path(notes).read_text() == "notes"
    single = mlflow.artifacts.download_artifacts(artifact_uri=f"{uri}/extra", dst_path=str(tmp_path / "part"))
    assert read_tree(Path(single)) == {"notes.md": b"notes"}
    assert (
        read_tree(Path(mlflow.artifacts.download_artifacts(artifact_uri=uri)))["MLmodel"]
        == skops_model["MLmodel"]
    )


def test_a_model_that_brings_the_file_that_mlflow_writes_is_not_harmed(
    client: MlflowClient,
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    skops_model: dict[str, bytes],
) -> None:
    files = skops_model | {"registered_model_meta": b"model_name: somebody\n"}
    fake_provider.publish("ml_team.iris_model", 3, files)
    for _ in range(2):
        mlflow.pyfunc.load_model(f"models:/{NAME}/3")
    assert read_tree(vendor.snapshot("ml_team.iris_model/3").folder) == files


def test_registered_models_and_versions_are_found(client: MlflowClient) -> None:
    model = client.get_registered_model(NAME)
    assert (model.name, model.aliases) == (NAME, {"Challenger": "1", "Champion": "2"})
    assert model.creation_timestamp is None  # the protocol has no such field
    assert [model.name for model in client.search_registered_models()] == [NAME, "vendor.ml_team.other"]
    found = client.search_model_versions(f"name = '{NAME}'")
    assert [(version.version, version.aliases) for version in found] == [
        ("2", ["Champion"]),
        ("1", ["Challenger"]),
    ]
    assert client.get_model_version_by_alias(NAME, "champion").version == "2"
    assert client.get_model_version(NAME, "1").status == "READY"
    assert [version.version for version in client._get_registry_client().store.get_latest_versions(NAME)] == [
        "2"
    ]


def test_search_pages(client: MlflowClient) -> None:
    first = client.search_model_versions(max_results=2)
    rest = client.search_model_versions(max_results=2, page_token=first.token)
    assert (len(first), len(rest), rest.token) == (2, 1, None)


def test_files_are_listed_level_by_level(client: MlflowClient) -> None:
    repository = SharedArtifactRepository(client.get_model_version_download_uri(NAME, "2"))
    listed = {info.path: info.is_dir for info in repository.list_artifacts()}
    assert listed["extra"] is True
    assert listed["MLmodel"] is False
    assert [(info.path, info.file_size) for info in repository.list_artifacts("extra")] == [
        ("extra/notes.md", 5)
    ]
    assert repository.list_artifacts("extra/notes.md") == []


def test_every_method_of_a_store_reads_or_refuses_by_name(client: MlflowClient) -> None:
    store = SharedModelStore()
    methods = {name for name, _ in inspect.getmembers(AbstractStore, callable) if not name.startswith("__")}
    assert len(methods) > 20
    for name in sorted(methods - READING):
        with pytest.raises(MlflowException, match=f"{name} is not possible.*read-only") as refusal:
            getattr(store, name)()
        assert refusal.value.error_code == "INVALID_STATE"


@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.create_registered_model("vendor.ml_team.mine"),
        lambda client: client.create_model_version(NAME, "source"),
        lambda client: client.set_registered_model_alias(NAME, "Champion", "1"),
        lambda client: client.delete_model_version(NAME, "1"),
        lambda client: client.set_model_version_tag(NAME, "1", "key", "value"),
    ],
)
def test_writing_through_the_client_is_refused(client: MlflowClient, write: Any) -> None:
    with pytest.raises(MlflowException, match="read-only"):
        write(client)


def test_errors_keep_their_codes(client: MlflowClient) -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: client.get_registered_model("vendor.ml_team.nothing"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: client.get_registered_model("nowhere.ml_team.iris_model"), "RESOURCE_DOES_NOT_EXIST"),
        (lambda: client.get_registered_model("iris_model"), "INVALID_PARAMETER_VALUE"),
        (
            lambda: mlflow.artifacts.download_artifacts(f"models:/{NAME}/2/nothing.md"),
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (lambda: mlflow.artifacts.download_artifacts("model-sharing://vendor/x"), "INVALID_PARAMETER_VALUE"),
    ]
    for call, code in calls:
        with pytest.raises(MlflowException) as raised:
            call()
        assert raised.value.error_code == code


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "extra/../../x", "extra\\..\\x"])
def test_no_path_leads_outside(client: MlflowClient, tmp_path: Path, path: str) -> None:
    repository = SharedArtifactRepository(client.get_model_version_download_uri(NAME, "2"))
    for call in (
        lambda: repository.download_artifacts(path),
        lambda: repository.download_artifacts(path, str(tmp_path)),
        lambda: repository._download_file(path, str(tmp_path / "x")),
    ):
        with pytest.raises(MlflowException):
            call()
    assert not (tmp_path / "x").exists()


def test_harmless_single_files_of_an_untrusted_model_are_handed_over(
    client: MlflowClient, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    fake_provider.publish(
        "ml_team.other", 2, {"MLmodel": b"flavors: {}", "model.pkl": random_bytes(10), "README.md": b"hi"}
    )
    readme = Path(mlflow.artifacts.download_artifacts("models:/vendor.ml_team.other/2/README.md"))
    assert readme.read_text() == "hi"
    assert not (readme.parent / "model.pkl").exists()
    with pytest.raises(MlflowException, match="was not loaded"):
        mlflow.artifacts.download_artifacts("models:/vendor.ml_team.other/2/model.pkl")


def test_what_would_be_installed_is_handed_over_if_it_only_names_packages(
    client: MlflowClient, fake_provider: FakeProvider
) -> None:
    """People, and MLflow, install from the file that they fetched."""
    fake_provider.publish(
        "ml_team.other", 2, {"MLmodel": b"flavors: {}", "requirements.txt": b"numpy==2.0.0\n"}
    )
    fake_provider.publish("ml_team.other", 3, {"MLmodel": b"flavors: {}", "requirements.txt": b"-e .\n"})
    file = Path(mlflow.artifacts.download_artifacts("models:/vendor.ml_team.other/2/requirements.txt"))
    assert file.read_text() == "numpy==2.0.0\n"
    with pytest.raises(MlflowException, match=r"would install from elsewhere: '-e \.'"):
        mlflow.artifacts.download_artifacts("models:/vendor.ml_team.other/3/requirements.txt")


def test_a_trusted_mount_hands_everything_over(
    fake_provider: FakeProvider, profile: Path, tmp_path: Path
) -> None:
    model_sharing.mount(profile, share=SHARE, name="trusted", trust_remote_code=True)
    files = {"MLmodel": b"flavors: {}", "model.pkl": random_bytes(10)}
    fake_provider.publish("ml_team.other", 2, files)
    mlflow.set_registry_uri("model-sharing://")
    mlflow.artifacts.download_artifacts("models:/trusted.ml_team.other/2", dst_path=str(tmp_path / "out"))
    assert read_tree(tmp_path / "out").items() >= files.items()


def test_the_pages_of_a_search_list_the_share_once(client: MlflowClient, fake_provider: FakeProvider) -> None:
    fake_provider.requests.clear()
    first = client.search_registered_models(max_results=1)
    fake_provider.publish("ml_team.a_new_one", 1, {"MLmodel": b"flavors: {}"})
    second = client.search_registered_models(max_results=1, page_token=first.token)
    assert [model.name for model in (*first, *second)] == [NAME, "vendor.ml_team.other"]
    assert second.token is None
    assert len([each for each in fake_provider.requests if "all-models" in each.path]) == 1
    again = client.search_registered_models(max_results=1)
    assert [model.name for model in again] == ["vendor.ml_team.a_new_one"]
    newest = client.search_registered_models(order_by=["name DESC"], max_results=1, page_token=first.token)
    assert [model.name for model in newest] == [NAME], "another order is another search"

"""Loading is deny by default: strangers' code does not run, and what is inert loads."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
import marshal
import pickle
import re
import runpy
import site
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import mlflow.sklearn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from sklearn.ensemble import RandomForestClassifier

import model_sharing
from model_sharing.policy import check_inert
from model_sharing_protocol.errors import InvalidModel, UntrustedCode
from support.boosting_models import CATBOOST
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import read_tree
from support.hostile_input.models import STRANGE_FLAVORS, Files, disguised_models, hostile_models, payloads
from support.recipient_cli import RunCli
from support.sklearn_models import saved

NAME = "vendor.ml_team.iris_model"
URI = f"models:/{NAME}/1"


@pytest.fixture(scope="module")
def skops_model(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(tmp_path_factory, "skops")


@pytest.fixture(scope="module")
def pickled_model(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(tmp_path_factory, "cloudpickle")


NAMES_ONLY = {"MLmodel": b"flavors: {python_function: {}}"}
DISGUISED = sorted(disguised_models(NAMES_ONLY, Path("m")))


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marker file, which is there once code of any model of the corpus has run."""
    return tmp_path_factory.mktemp("marker") / "executed"


@pytest.fixture(scope="module")
def hostile(skops_model: Files, marker: Path) -> dict[str, Files]:
    return hostile_models(skops_model, marker)


@pytest.fixture(scope="module")
def disguised(skops_model: Files, marker: Path) -> dict[str, Files]:
    return disguised_models(skops_model, marker)


def test_no_way_of_running_code_works_without_trust(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, hostile: dict[str, Files], marker: Path
) -> None:
    mlflow.set_registry_uri("model-sharing://")
    for version, (way, files) in enumerate(hostile.items(), 1):
        fake_provider.models.clear()
        fake_provider.publish("ml_team.iris_model", version, files)
        uri = f"models:/{NAME}/{version}"
        with pytest.raises(UntrustedCode, match="--trust-remote-code"):
            pytest.fail(f"{way} was loaded: {model_sharing.load_model(uri)}")
        with pytest.raises(MlflowException, match="was not loaded"):
            pytest.fail(f"{way} was loaded by MLflow: {mlflow.pyfunc.load_model(uri)}")
        assert not marker.exists(), way
    assert len(hostile) > 100


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
def test_no_way_into_mlflow_leads_around_the_policy(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, hostile: dict[str, Files], marker: Path
) -> None:
    """Every flavor that can be imported here: its loader gets no file of a model that could run code."""
    mlflow.set_registry_uri("model-sharing://")
    loads = {"artifacts": mlflow.artifacts.download_artifacts}
    for flavor in ("pyfunc", "sklearn", "onnx", "xgboost", "lightgbm", "catboost", *STRANGE_FLAVORS):
        with contextlib.suppress(ImportError, AttributeError):
            loads[flavor] = importlib.import_module(f"mlflow.{flavor}").load_model
    del loads["johnsnowlabs"]  # asks for a licence before it looks for the model
    assert len(loads) > 15
    for flavor, load in loads.items():
        alone = f"flavor {flavor} alone"
        fake_provider.publish(
            "ml_team.iris_model", 1, hostile[alone if alone in hostile else "pickle called skops"]
        )
        with pytest.raises((MlflowException, ImportError), match=r"was not loaded|No module named"):
            load(URI)
    assert not marker.exists()


@pytest.mark.parametrize("way", DISGUISED)
def test_what_only_looks_inert_is_not_run_either(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    disguised: dict[str, Files],
    marker: Path,
    way: str,
) -> None:
    """A file is read as its name says, whether it loads or is found to be broken."""
    fake_provider.publish("ml_team.iris_model", 1, disguised[way])
    mlflow.set_registry_uri("model-sharing://")
    for load in (model_sharing.load_model, mlflow.pyfunc.load_model, mlflow.sklearn.load_model):
        with contextlib.suppress(Exception):
            load(URI)
    assert not marker.exists()


READERS: dict[str, Callable[[Path], object]] = {
    "model.pkl": lambda path: pickle.loads(path.read_bytes()),
    "protocol0.pickle": lambda path: pickle.loads(path.read_bytes()),
    "model.joblib": joblib.load,
    "zlib.joblib": joblib.load,
    "gzip.pkl.gz": joblib.load,
    "bz2.pkl.bz2": joblib.load,
    "xz.pkl.xz": joblib.load,
    "objects.npy": lambda path: np.load(path, allow_pickle=True),
    "objects.npz": lambda path: np.load(path, allow_pickle=True)["objects"],
    "model.pt": lambda path: pickle.loads(zipfile.ZipFile(path).read("archive/data.pkl")),
    "modeling_evil.py": lambda path: runpy.run_path(str(path)),
    "compiled.pyc": lambda path: exec(marshal.loads(path.read_bytes()[16:])),
    "evil.pth": lambda path: site.addpackage(str(path.parent), path.name, set()),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore")
def test_the_ammunition_is_live(tmp_path: Path, name: str) -> None:
    """Files of the corpus do run code when the library that they are for reads them."""
    marker = tmp_path / "executed"
    (tmp_path / name).write_bytes(payloads(marker)[name])
    with contextlib.suppress(Exception):
        READERS[name](tmp_path / name)
    assert marker.exists()


def test_the_same_pickle_runs_with_trust(
    fake_provider: FakeProvider, profile: Path, skops_model: Files, tmp_path: Path
) -> None:
    """The corpus is live ammunition: with trust, the marker appears."""
    marker = tmp_path / "executed"
    model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    fake_provider.publish("ml_team.iris_model", 1, hostile_models(skops_model, marker)["pickle called skops"])
    with pytest.raises(Exception):  # noqa: B017  # what unpickles is no estimator
        model_sharing.load_model(URI).predict([[1.0]])
    assert marker.exists()


def test_a_skops_model_loads_without_trust(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, skops_model: Files
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, skops_model)
    assert model_sharing.load_model(URI).predict([[3.0]]) == pytest.approx([6.0])


def test_a_pickled_model_loads_with_trust_only(
    fake_provider: FakeProvider, profile: Path, vendor: model_sharing.Catalog, pickled_model: Files
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, pickled_model)
    with pytest.raises(UntrustedCode, match=r"model\.pkl"):
        model_sharing.load_model(URI)
    model_sharing.unmount("vendor")
    model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    assert model_sharing.load_model(URI).predict([[3.0]]) == pytest.approx([6.0])


def test_trust_can_be_given_or_kept_back_for_one_call(
    fake_provider: FakeProvider, profile: Path, vendor: model_sharing.Catalog, pickled_model: Files
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, pickled_model)
    for load in (model_sharing.load_model, vendor.load_model):
        assert load(URI, trust_remote_code=True).predict([[3.0]]) == pytest.approx([6.0])
        with pytest.raises(UntrustedCode, match="trust_remote_code=True"):
            load(URI)  # it was for that call alone
    model_sharing.unmount("vendor")
    trusted = model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    for load in (model_sharing.load_model, trusted.load_model):
        with pytest.raises(UntrustedCode, match=r"model\.pkl"):
            load(URI, trust_remote_code=False)
        assert load(URI).predict([[3.0]]) == pytest.approx([6.0])


@pytest.mark.parametrize(
    "name", [".envrc", ".vscode/settings.json", "jupyter_server_config.json", "conftest.py"]
)
def test_what_tools_run_unasked_is_not_even_downloaded_without_trust(
    fake_provider: FakeProvider,
    profile: Path,
    vendor: model_sharing.Catalog,
    run_cli: RunCli,
    tmp_path: Path,
    name: str,
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"flavors: {}", name: b"x"})
    for way in (
        lambda: model_sharing.download(URI, tmp_path / "out"),
        lambda: vendor.download(URI, tmp_path / "out", trust_remote_code=False),
        lambda: vendor.load_model(URI),
    ):
        with pytest.raises(
            UntrustedCode, match=f"{re.escape(name)}.*mount it again with --trust-remote-code"
        ):
            way()
    assert run_cli("download", URI, tmp_path / "out").returncode == UntrustedCode.row.exit_code
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.sig").exists()
    assert run_cli("download", URI, tmp_path / "once", "--trust-remote-code").returncode == 0
    assert (tmp_path / "once" / name).read_bytes() == b"x"
    model_sharing.unmount("vendor")
    trusted = model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    trusted.download(URI, tmp_path / "always")
    assert (tmp_path / "always" / name).exists()


async def test_trust_for_one_call_of_code_that_awaits(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, pickled_model: Files
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, pickled_model)
    async with model_sharing.AsyncCatalog(vendor.name) as catalog:
        with pytest.raises(UntrustedCode):
            await catalog.load_model("ml_team.iris_model/1")
        model = await catalog.load_model("ml_team.iris_model/1", trust_remote_code=True)
        assert model.predict([[3.0]]) == pytest.approx([6.0])


def test_a_folder_without_mlmodel_is_no_model(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"weights.safetensors": b"x"})
    with pytest.raises(InvalidModel, match="can be downloaded"):
        model_sharing.load_model(URI)
    assert read_tree(vendor_download(vendor, tmp_path)) == {"weights.safetensors": b"x"}


def vendor_download(vendor: model_sharing.Catalog, tmp_path: Path) -> Path:
    vendor.download("ml_team.iris_model/1", tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("way", ["model_sharing", "mlflow"])
def test_types_that_skops_refuses_are_refused_in_our_words(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, skops_model: Files, way: str
) -> None:
    import skops.io  # not by each worker that only lists the tests: it imports all of scikit-learn

    """skops itself would say so too, in words of its own and without the way out."""
    forest = RandomForestClassifier(2).fit([[0.0], [1.0]], [0, 1])
    fake_provider.publish("ml_team.iris_model", 1, skops_model | {"model.skops": skops.io.dumps(forest)})
    mlflow.set_registry_uri("model-sharing://")
    load = model_sharing.load_model if way == "model_sharing" else mlflow.pyfunc.load_model
    with pytest.raises(
        (UntrustedCode, MlflowException), match=r"skops does not trust: sklearn\.tree.*--trust-remote-code"
    ):
        load(URI)


def test_a_model_as_mlflow_saves_it_for_catboost_is_inert(tmp_path: Path) -> None:
    for name, text in CATBOOST.items():
        (tmp_path / name).write_text(text)
    check_inert(tmp_path, frozenset({*CATBOOST, "model.cb"}), "vendor.ml_team.iris_model version 1")


INERT: dict[str, dict[str, dict[str, Any]]] = {
    "onnx": {
        "onnx": {"data": "model.onnx", "providers": ["CPUExecutionProvider"], "code": None},
        "python_function": {"loader_module": "mlflow.onnx", "data": "model.onnx", "code": None},
    },
    "xgboost": {
        "xgboost": {
            "data": "model.ubj",
            "model_class": "xgboost.sklearn.XGBClassifier",
            "model_format": "ubj",
        },
        "python_function": {"loader_module": "mlflow.xgboost", "data": "model.ubj"},
    },
    "lightgbm": {
        "lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"},
        "python_function": {"loader_module": "mlflow.lightgbm", "data": "model.lgb"},
    },
    "catboost": {
        "catboost": {"data": "model.cb", "model_type": "CatBoostClassifier", "save_format": "cbm"},
        "python_function": {"loader_module": "mlflow.catboost", "data": "model.cb"},
    },
}


@pytest.mark.parametrize("flavor", sorted(INERT))
def test_native_formats_are_inert(tmp_path: Path, flavor: str) -> None:
    check(tmp_path, INERT[flavor])


@given(data=st.data())
def test_no_single_change_of_an_inert_model_makes_a_dangerous_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever value an option that loaders act upon gets, it is refused or one of the few known ones."""
    flavors = copy.deepcopy(INERT[data.draw(st.sampled_from(sorted(INERT)))])
    name = data.draw(st.sampled_from(sorted(flavors)))
    acted_upon = sorted(
        {"data", "model_class", "model_type", "loader_module", "code", "save_format"} & flavors[name].keys()
    )
    key = data.draw(st.sampled_from([*acted_upon, "surprise"]))
    value = data.draw(
        st.text(min_size=1)
        | st.sampled_from(["../x.onnx", "sub/x.ubj", "os", "mlflow.pyfunc.model", "builtins.exec"])
    )
    if value == flavors[name].get(key) or value in ("json", "CPUExecutionProvider"):
        return
    flavors[name][key] = value
    with pytest.raises(UntrustedCode):
        check(tmp_path_factory.mktemp("model"), flavors)


def check(folder: Path, flavors: dict[str, dict[str, Any]]) -> None:
    (folder / "MLmodel").write_text(json.dumps({"flavors": flavors}))
    names = {str(options[key]) for options in flavors.values() for key in ("data",) if key in options}
    files = {"MLmodel", *(name for name in names if name.startswith("model."))}
    check_inert(folder, frozenset(files), "vendor.ml_team.iris_model version 1")


def test_an_alias_bomb_costs_nothing(tmp_path: Path) -> None:
    lines = io.StringIO()
    lines.write("a0: &a0 [x, x]\n")
    for level in range(1, 40):
        lines.write(f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]\n")
    (tmp_path / "MLmodel").write_text(lines.getvalue())
    with pytest.raises(UntrustedCode):
        check_inert(tmp_path, frozenset({"MLmodel"}), "vendor.ml_team.iris_model version 1")

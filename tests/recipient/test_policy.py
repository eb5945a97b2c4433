"""Loading is deny by default: strangers' code does not run, and what is inert loads."""

from __future__ import annotations

import copy
import io
import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow.sklearn
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from recipient.conftest import tree
from recipient.peer import SHARE, Peer
from sklearn.linear_model import LinearRegression

import model_sharing
from model_sharing.policy import check_inert
from model_sharing_protocol.errors import InvalidModel, UntrustedCode

URI = "models:/vendor.ml_team.iris_model/1"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def skops_model(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(tmp_path_factory, "skops")


@pytest.fixture(scope="module")
def pickled_model(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return saved(tmp_path_factory, "cloudpickle")


def saved(folders: pytest.TempPathFactory, serialization: str) -> Files:
    folder = folders.mktemp(serialization) / "model"
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    mlflow.sklearn.save_model(
        model, str(folder), serialization_format=serialization, pip_requirements=["scikit-learn"]
    )
    return tree(folder)


class Payload:
    """Unpickling it creates the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


def edit_mlmodel(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    model = yaml.safe_load(files["MLmodel"])
    change(model)
    return files | {"MLmodel": yaml.safe_dump(model).encode()}


def hostile_models(skops: Files, marker: Path) -> dict[str, Files]:
    """One model a way of running code."""
    bomb = pickle.dumps(Payload(marker))
    code = f"open({str(marker)!r}, 'w')\ndef _load_pyfunc(path): pass\n".encode()

    def edited(change: Callable[[dict[str, Any]], object], **more: bytes) -> Files:
        return edit_mlmodel(skops, change) | {name.replace("__", "/"): data for name, data in more.items()}

    def flavor(model: dict[str, Any], name: str = "sklearn", **options: object) -> None:
        model["flavors"].setdefault(name, {}).update(options)

    disguised = skops | {"model.skops": bomb}
    return {
        "pickle": edited(lambda m: flavor(m, serialization_format="pickle", pickled_model="model.pkl"))
        | {"model.pkl": bomb},
        "pickle called skops": edit_mlmodel(disguised, lambda m: flavor(m, serialization_format="pickle")),
        "no format named": edit_mlmodel(
            disguised, lambda m: m["flavors"]["sklearn"].pop("serialization_format")
        ),
        "no sklearn flavor": edit_mlmodel(disguised, lambda m: m["flavors"].pop("sklearn")),
        "joblib beside": skops | {"extra/model.joblib": zlib.compress(bomb)},
        "loader module": edited(lambda m: flavor(m, "python_function", loader_module="evil", code="code"))
        | {"code/evil.py": code},
        "code path": edited(lambda m: flavor(m, code="code")) | {"code/sklearn.py": code},
        "code path elsewhere": edited(lambda m: flavor(m, "python_function", code="../../..")),
        "standard library loader": edited(
            lambda m: flavor(m, "python_function", loader_module="antigravity")
        ),
        "python model": edited(
            lambda m: flavor(m, "python_function", loader_module="mlflow.pyfunc.model", python_model="p.pkl")
        )
        | {"p.pkl": bomb},
        "trusted types": edited(lambda m: flavor(m, skops_trusted_types=["posix.system"])),
        "xgboost class": edited(
            lambda m: flavor(m, "xgboost", data="model.ubj", model_class="subprocess.Popen")
        )
        | {"model.ubj": b""},
        "lightgbm wrapper": edited(
            lambda m: flavor(m, "lightgbm", data="m.txt", model_class="lightgbm.sklearn.LGBMClassifier")
        )
        | {"m.txt": bomb},
        "onnx library": edited(
            lambda m: flavor(m, "onnx", data="m.onnx", providers=[["CUDA", {"shared_lib_path": "x.so"}]])
        )
        | {"m.onnx": b""},
        "unknown flavor": edited(lambda m: flavor(m, "pytorch", model_data="data")),
        "unknown option": edited(lambda m: flavor(m, "python_function", model_code_path="x.txt")),
        "unknown key": edited(lambda m: m.update(surprise=1)),
        "path outside": edited(lambda m: flavor(m, pickled_model="../../evil.skops")),
        "nested MLmodel": edited(
            lambda m: flavor(m, "python_function", data="sub/model.skops"), sub__MLmodel=b"flavors: {}"
        )
        | {"sub/model.skops": bomb},
        "python tag": skops | {"MLmodel": b"!!python/object/apply:os.system ['true']"},
        "not a mapping": skops | {"MLmodel": b"[]"},
        "no flavors": skops | {"MLmodel": b"flavors: {}"},
        "too large": skops | {"MLmodel": b"#" * 2_000_000},
        "example outside": edited(
            lambda m: m.update(saved_input_example_info={"artifact_path": "/etc/passwd"})
        ),
        "requirements elsewhere": skops | {"requirements.txt": b"-r /dev/zero\n"},
        "predict function": edited(lambda m: flavor(m, "python_function", predict_fn="__class__")),
    }


HOSTILE = sorted(
    hostile_models(
        {"MLmodel": b"flavors: {python_function: {}, sklearn: {serialization_format: a}}"}, Path("m")
    )
)


@pytest.mark.parametrize("way", HOSTILE)
def test_no_way_of_running_code_works_without_trust(
    peer: Peer, vendor: model_sharing.Catalog, skops_model: Files, tmp_path: Path, way: str
) -> None:
    marker = tmp_path / "executed"
    peer.publish("ml_team.iris_model", 1, hostile_models(skops_model, marker)[way])
    with pytest.raises(UntrustedCode, match="--trust-remote-code"):
        model_sharing.load_model(URI)
    mlflow.set_registry_uri("model-sharing://")
    for load in (mlflow.pyfunc.load_model, mlflow.sklearn.load_model, mlflow.artifacts.download_artifacts):
        with pytest.raises(MlflowException, match="was not loaded"):
            load(URI)
    assert not marker.exists()


def test_the_same_pickle_runs_with_trust(
    peer: Peer, profile: Path, skops_model: Files, tmp_path: Path
) -> None:
    """The corpus is live ammunition: with trust, the marker appears."""
    marker = tmp_path / "executed"
    model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    peer.publish("ml_team.iris_model", 1, hostile_models(skops_model, marker)["pickle called skops"])
    with pytest.raises(Exception):  # noqa: B017  # what unpickles is no estimator
        model_sharing.load_model(URI).predict([[1.0]])
    assert marker.exists()


def test_a_skops_model_loads_without_trust(
    peer: Peer, vendor: model_sharing.Catalog, skops_model: Files
) -> None:
    peer.publish("ml_team.iris_model", 1, skops_model)
    assert model_sharing.load_model(URI).predict([[3.0]]) == pytest.approx([6.0])


def test_a_pickled_model_loads_with_trust_only(
    peer: Peer, profile: Path, vendor: model_sharing.Catalog, pickled_model: Files
) -> None:
    peer.publish("ml_team.iris_model", 1, pickled_model)
    with pytest.raises(UntrustedCode, match=r"model\.pkl"):
        model_sharing.load_model(URI)
    model_sharing.unmount("vendor")
    model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    assert model_sharing.load_model(URI).predict([[3.0]]) == pytest.approx([6.0])


def test_a_folder_without_mlmodel_is_no_model(
    peer: Peer, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    peer.publish("ml_team.iris_model", 1, {"weights.safetensors": b"x"})
    with pytest.raises(InvalidModel, match="can be downloaded"):
        model_sharing.load_model(URI)
    assert tree(vendor_download(vendor, tmp_path)) == {"weights.safetensors": b"x"}


def vendor_download(vendor: model_sharing.Catalog, tmp_path: Path) -> Path:
    vendor.download("ml_team.iris_model/1", tmp_path / "out")
    return tmp_path / "out"


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
        "catboost": {"model_binary": "model.cb", "model_type": "CatBoostClassifier", "save_format": "cbm"},
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
        {"data", "model_binary", "model_class", "loader_module", "code", "save_format"} & flavors[name].keys()
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
    names = {
        str(options[key])
        for options in flavors.values()
        for key in ("data", "model_binary")
        if key in options
    }
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

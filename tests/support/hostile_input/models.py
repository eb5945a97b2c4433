"""Models that run code when they are loaded, each in its own way; the code creates a marker file.

`PAYLOADS` are files that run it when the library that they are for reads them. They are made, as an attacker
would, with what that library writes; or, where it is not installed here, by hand.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import marshal
import pickle
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import yaml

Files = dict[str, bytes]
Model = dict[str, Any]

# Every flavor of MLflow that this project does not know to be safe.
STRANGE_FLAVORS = (
    *("crate", "diffusers", "diviner", "dspy", "fastai", "gluon", "h2o", "johnsnowlabs", "keras"),
    *("langchain", "llama_index", "mleap", "openai", "paddle", "pmdarima", "promptflow", "prophet"),
    *("pytorch", "rfunc", "sentence_transformers", "spacy", "spark", "statsmodels", "tensorflow"),
    "transformers",
)


class Payload:
    """Unpickling it creates the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


def zipped(files: Files, compression: int = zipfile.ZIP_STORED) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as writer:
        for name, data in files.items():
            writer.writestr(name, data)
    return archive.getvalue()


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def payloads(marker: Path) -> Files:
    """Files that run code, by the names that they usually have."""
    bomb = pickle.dumps(Payload(marker))
    objects = np.array([Payload(marker)], dtype=object)
    source = f"open({str(marker)!r}, 'w')\n"
    compiled = b64encode(marshal.dumps(compile(source, "lambda", "exec"))).decode()
    layer = {"class_name": "Lambda", "config": {"function": [compiled, None, None]}}
    return {
        "model.pkl": bomb,
        "protocol0.pickle": pickle.dumps(Payload(marker), protocol=0),
        "model.cloudpickle": cloudpickle.dumps(lambda: Payload(marker)) + bomb,
        "model.joblib": written(lambda file: joblib.dump(Payload(marker), file)),
        "zlib.joblib": written(lambda file: joblib.dump(Payload(marker), file, compress=("zlib", 9))),
        "gzip.pkl.gz": gzip.compress(bomb),
        "bz2.pkl.bz2": bz2.compress(bomb),
        "xz.pkl.xz": lzma.compress(bomb),
        "zlib.z": zlib.compress(bomb),
        "objects.npy": written(lambda file: np.save(file, objects, allow_pickle=True)),
        "objects.npz": written(lambda file: np.savez_compressed(file, objects=objects)),
        "model.pt": zipped({"archive/data.pkl": bomb, "archive/version": b"3\n"}),
        "model.pth": bomb,
        "pytorch_model.bin": zipped({"pytorch_model/data.pkl": bomb}, zipfile.ZIP_DEFLATED),
        "checkpoint.ckpt": zipped({"inner.zip": zipped({"data.pkl": zlib.compress(bomb)})}),
        "lightning.mar": zipped({"handler.py": source.encode(), "model.pt": bomb}),
        "lambda.keras": zipped({"config.json": json.dumps(layer).encode(), "metadata.json": b"{}"}),
        "lambda.h5": b"\x89HDF\r\n\x1a\n" + json.dumps(layer).encode(),
        "saved_model/saved_model.pb": b"\x08\x01\x12\x06PyFunc" + bomb,
        "saved_model/assets/vocabulary.dat": bomb,
        "modeling_evil.py": source.encode(),
        "code/evil.py": source.encode() + b"def _load_pyfunc(path): pass\n",
        "code/sklearn/__init__.py": source.encode(),
        "compiled.pyc": b"\x00" * 16 + marshal.dumps(compile(source, "m", "exec")),
        "evil.pth": f"import os; {source}".encode(),
        "kernel.so": b"\x7fELF" + source.encode(),
        "chain.yaml": b"_type: llm_chain\nllm: {_type: python_repl}\n",
        "notebook.ipynb": json.dumps({"cells": [{"source": source}]}).encode(),
        "setup.cfg": b"[options]\n",
        "archive.zip": zipped({"../../evil.pkl": bomb}),
        "model": bomb,
    }


def edited(model: Files, change: Callable[[Model], object]) -> Files:
    described = yaml.safe_load(model["MLmodel"])
    change(described)
    return model | {"MLmodel": yaml.safe_dump(described).encode()}


def hostile_models(skops: Files, marker: Path) -> dict[str, Files]:
    """A good model made into one that runs code, by the way it does."""
    ammunition = payloads(marker)
    beside = {f"beside: {path}": skops | {path: data} for path, data in ammunition.items()}
    by_parts = _by_options(skops, ammunition) | _by_flavor(skops, ammunition) | _by_yaml(skops)
    return beside | by_parts | _by_environment(skops)


def _by_options(skops: Files, ammunition: Files) -> dict[str, Files]:
    bomb = ammunition["model.pkl"]
    disguised = skops | {"model.skops": bomb}

    def with_options(flavor: str, more: Files, /, *, of: Files = skops, **options: object) -> Files:
        return edited(of, lambda model: model["flavors"].setdefault(flavor, {}).update(options)) | more

    def pickled(name: str) -> Files:
        return with_options("sklearn", {name: bomb}, serialization_format="pickle", pickled_model=name)

    def pyfunc(more: Files, /, **options: object) -> Files:
        return edited(skops, lambda model: model["flavors"]["python_function"].update(options)) | more

    code = {path: data for path, data in ammunition.items() if path.startswith("code/")}
    return {
        "pickle": pickled("model.pkl"),
        "pickle called onnx": pickled("model.onnx"),
        "pickle called json": pickled("model.json"),
        "pickle called skops": with_options("sklearn", {}, of=disguised, serialization_format="pickle"),
        "cloudpickle": with_options("sklearn", {}, of=disguised, serialization_format="cloudpickle"),
        "no format named": edited(disguised, lambda m: m["flavors"]["sklearn"].pop("serialization_format")),
        "no sklearn flavor": edited(disguised, lambda m: m["flavors"].pop("sklearn")),
        "trusted types": with_options("sklearn", {}, skops_trusted_types=["posix.system"]),
        "path outside": with_options("sklearn", {}, pickled_model="../../evil.skops"),
        "absolute path": with_options("sklearn", {}, pickled_model="/tmp/evil.skops"),
        "loader module": pyfunc(code, loader_module="evil", code="code"),
        "loader module here": pyfunc({"evil.txt": b""}, loader_module="evil"),
        "standard library loader": pyfunc({}, loader_module="antigravity"),
        "loader in MLflow": pyfunc({}, loader_module="mlflow.pyfunc.dbconnect_artifact_cache"),
        "loader is a list": pyfunc({}, loader_module=["mlflow.sklearn"]),
        "code path": with_options("sklearn", code, code="code"),
        "code path of pyfunc": pyfunc(code, code="code"),
        "code path elsewhere": pyfunc({}, code="../../.."),
        "code of the whole model": pyfunc({"sklearn.txt": b""}, code="."),
        "python model": pyfunc({"p.txt": bomb}, loader_module="mlflow.pyfunc.model", python_model="p.txt"),
        "pickled context": pyfunc({"p.txt": bomb}, cloudpickle_version="3", python_model="p.txt"),
        "model from code": pyfunc({"m.txt": b""}, model_code_path="m.txt"),
        "model from code, loaded": pyfunc(
            {"m.txt": b""}, loader_module="mlflow.pyfunc.model", model_code_path="m.txt", model_config={}
        ),
        "streamable": pyfunc({}, streamable=True),
        "predict function": pyfunc({}, predict_fn="__class__"),
        "nested MLmodel": pyfunc(
            {"sub/MLmodel": b"flavors: {}", "sub/model.skops": bomb}, data="sub/model.skops"
        ),
        "xgboost class": with_options(
            "xgboost", {"m.ubj": b""}, data="m.ubj", model_class="subprocess.Popen", model_format="ubj"
        ),
        "lightgbm wrapper": with_options(
            "lightgbm", {"m.txt": bomb}, data="m.txt", model_class="lightgbm.sklearn.LGBMClassifier"
        ),
        "catboost type": with_options(
            "catboost", {"m.cbm": b""}, data="m.cbm", model_type="Popen", save_format="cbm"
        ),
        "catboost python": with_options(
            "catboost", {"m.json": b""}, data="m.json", model_type="CatBoost", save_format="python"
        ),
        "onnx library": with_options(
            "onnx", {"m.onnx": b""}, data="m.onnx", providers=[["CUDA", {"shared_lib_path": "kernel.so"}]]
        ),
        "onnx session library": with_options(
            "onnx", {"m.onnx": b""}, data="m.onnx", onnx_session_options={"custom_op_library": "kernel.so"}
        ),
        "onnx folder": with_options("onnx", {"sub/m.onnx": b""}, data="sub/m.onnx"),
        "example outside": edited(
            skops, lambda m: m.update(saved_input_example_info={"artifact_path": "/etc/passwd"})
        ),
        "data, which MLflow before 3.11 unpickles": edited(disguised, _named_as_data),
        "data and model path": edited(disguised, lambda m: _named_as_data(m, model_path="model.skops")),
        "data that is not what the flavor names": pyfunc({"other.skops": bomb}, data="other.skops"),
        "model path that is not what the flavor names": pyfunc({"o.skops": bomb}, model_path="o.skops"),
        "predict function is a list": pyfunc({}, predict_fn=["predict"]),
    }


def _named_as_data(model: Model, **more: str) -> None:
    """The file under the name that loaders of long ago read, and judge by nothing."""
    options = model["flavors"]["python_function"]
    options["data"] = options.pop("model_path")
    options.update(more)


def _by_environment(skops: Files) -> dict[str, Files]:
    """Files from which MLflow, pip, uv and conda restore an environment, which runs a `setup.py` or worse."""
    install = b"--index-url http://127.0.0.1:9/\n-e .\ngit+http://127.0.0.1:9/x\nevil @ file:///tmp/evil\n"

    def environment(env: object) -> Files:
        return edited(skops, lambda model: model["flavors"]["python_function"].update(env=env))

    return {
        "requirements": skops | {"requirements.txt": install},
        "requirements elsewhere": skops | {"requirements.txt": b"-r /dev/zero\n"},
        "requirements joined": skops | {"requirements.txt": b"numpy\n  --requirement=/dev/zero\n"},
        "constraints elsewhere": skops | {"constraints.txt": b"-c ../../../etc/passwd\n"},
        "conda": skops | {"conda.yaml": b"dependencies: [pip: ['-e .', !!python/name:os.system '']]\n"},
        "python environment": skops | {"python_env.yaml": b"build_dependencies: ['-e .']\n"},
        "another environment": environment({"conda": "../../evil.yaml"}),
        "another conda file": environment("evil.yaml"),
        "another python environment": environment({"virtualenv": "evil.txt"}) | {"evil.txt": b"python: ./x"},
        "uv project": skops | {"uv.lock": b"", "pyproject.toml": b"[build-system]\nbackend-path = ['.']\n"},
        "pip configuration": skops | {"uv.toml": b"", "pip.conf": b"[global]\nindex-url = http://x\n"},
    }


def _by_flavor(skops: Files, ammunition: Files) -> dict[str, Files]:
    """Each flavor that runs code, beside a safe one, and alone."""
    flavors = yaml.safe_load(skops["MLmodel"])["flavors"]
    code = {"model.txt": ammunition["model.pkl"]}

    def with_flavors(flavors: Model) -> Files:
        return edited(skops, lambda model: model.update(flavors=flavors))

    beside, alone = {}, {}
    for name in STRANGE_FLAVORS:
        beside[f"flavor {name} too"] = with_flavors({**flavors, name: {"data": "model.skops", "code": None}})
        pyfunc = {"loader_module": f"mlflow.{name}", "data": "model.txt"}
        alone[f"flavor {name} alone"] = code | with_flavors({name: {"data": "a"}, "python_function": pyfunc})
    custom_code = {
        "config.json": json.dumps({"auto_map": {"AutoModel": "modeling_evil.Evil"}}).encode(),
        "tokenizer_config.json": json.dumps({"auto_map": {"AutoTokenizer": ["e.E", None]}}).encode(),
    }
    transformers = with_flavors({"transformers": {"source_model_name": "a/b", "task": "t"}})
    return beside | alone | {"transformers with code of their own": transformers | custom_code}


def _by_yaml(skops: Files) -> dict[str, Files]:
    """An MLmodel file that is read differently from how it looks, or cannot be read at all."""
    plain = skops["MLmodel"]
    mlmodels = {
        "python tag": b"!!python/object/apply:os.system ['true']",
        "python tag inside": plain + b"\nrun_id: !!python/name:os.system ''\n",
        "not a mapping": b"[]",
        "no flavors": b"flavors: {}",
        "flavors are a list": b"flavors: [python_function]",
        "options are text": b"flavors: {python_function: mlflow.sklearn}",
        "empty": b"",
        "too large": b"#" * 2_000_000,
        "two documents": plain + b"\n---\nflavors: {python_function: {loader_module: os}}\n",
        "the last key wins": plain + b"\nflavors: {python_function: {loader_module: os}}\n",
        "merge key": plain + b"\n<<: {surprise: 1}\n",
        "utf-16": plain.decode().encode("utf-16"),
        "unknown key": plain + b"\nsurprise: 1\n",
        "key that is no text": plain + b"\n1: 1\n",
        "deep": b"flavors: " + b"[" * 2_000,
    }
    return {name: skops | {"MLmodel": data} for name, data in mlmodels.items()}


def disguised_models(skops: Files, marker: Path) -> dict[str, Files]:
    """Models that run code, under the names of files that are only read."""
    ammunition = payloads(marker)
    names = ("model.onnx", "model.safetensors", "data.parquet", "input_example.json", "notes.txt", "LICENSE")
    hidden = {f"a pickle called {name}": skops | {name: ammunition["model.pkl"]} for name in names}
    return hidden | {
        "skops that is a pickle": skops | {"model.skops": ammunition["model.pkl"]},
        "skops with a pickle in it": skops | {"model.skops": ammunition["model.pt"]},
    }

"""The hostile corpus, over the oldest libraries that the load policy allows and over some that it does not.

`make check` runs it over the newest. The native parsers are tried with real ones, old and new.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.processes.virtual_environments import ROOT, SOURCES, virtual_environment

TOOLS = ("pytest", "pytest-aiohttp", "hypothesis", "packaging")
CORPUS = "tests/recipient/test_policy.py"
REFUSED_ALIKE = "no_way_of_running or no_way_into or only_looks_inert"


def recipient_with(*versions: str) -> Path:
    """An interpreter with this project, so that MLflow finds its plugin, and libraries in these versions."""
    project = f"model-sharing[mlflow] @ {ROOT.as_uri()}"
    needed = (project, "scikit-learn", *TOOLS, *versions)
    return virtual_environment(*needed, name="recipient+" + "+".join(versions))


@pytest.mark.parametrize(
    ("versions", "stories"),
    [
        (("mlflow-skinny==3.11.1", "skops==0.16.0"), ""),
        (("mlflow-skinny==3.10.1", "skops==0.16.0"), REFUSED_ALIKE),
        (("mlflow-skinny==3.17.2", "skops==0.13.0"), REFUSED_ALIKE),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_the_corpus_runs_nothing(versions: tuple[str, ...], stories: str, tmp_path: Path) -> None:
    python = recipient_with(*versions)
    pytest_options = ["-q", "-W", "default", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}"]
    done = subprocess.run(
        [python, "-m", "pytest", *pytest_options, "--confcutdir=tests/recipient", CORPUS, "-k", stories],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": SOURCES, "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    "versions",
    [
        ("mlflow-skinny==3.11.1", "xgboost-cpu==3.0.2", "lightgbm==4.6.0", "catboost==1.2.8"),
        ("mlflow-skinny==3.17.2", "xgboost-cpu==3.2.0", "lightgbm==4.7.0", "catboost==1.2.10"),
    ],
    ids="+".join,
)
def test_damaged_models_that_pass_crash_no_native_parser(versions: tuple[str, ...], tmp_path: Path) -> None:
    """50 of each kind. CatBoost's are only tried, so that some of the crashing ones may pass."""
    python = recipient_with(*versions)
    done = subprocess.run(
        [python, Path(__file__).with_name("native_parsers.py"), tmp_path, "50"],
        env={**os.environ, "PYTHONPATH": SOURCES, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    counted = {line["model"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert len(counted) == 6
    for name, line in counted.items():
        assert line["inert"] and line["crashes"], line
        assert line["missed"] == 0 or (name == "catboost" and line["missed"] <= line["crashes"] // 2), line


@pytest.mark.parametrize(
    "versions",
    [("onnx==1.20.0", "onnxruntime==1.24.4"), ("onnx==1.23.2", "onnxruntime==1.32.0")],
    ids="+".join,
)
def test_an_onnx_model_reads_no_file_outside_its_folder(versions: tuple[str, ...], tmp_path: Path) -> None:
    program = Path(__file__).with_name("onnx_readers.py")
    done = subprocess.run(
        [virtual_environment(*versions), program, tmp_path], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.splitlines() == ["onnx inside", "onnxruntime inside"]


@pytest.mark.parametrize(
    ("version", "run_without_trust"),
    [("5.5.0", []), ("5.24.0", []), ("5.2.0", ["CVE-2026-5241"])],
)
def test_hostile_folders_run_nothing_in_tested_versions_of_transformers(
    version: str, run_without_trust: list[str], tmp_path: Path
) -> None:
    """And their code does run with trust, so that the corpus is live ammunition."""
    program = Path(__file__).with_name("transformers_readers.py")
    readers = (f"transformers=={version}", "jinja2", "pillow", "joblib", "cloudpickle", "pyyaml")
    done = subprocess.run(
        [virtual_environment(*readers), program, tmp_path / "folders"],
        env={**os.environ, "PYTHONPATH": SOURCES, "HF_HOME": str(tmp_path / "hugging_face")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [name for trust, name in lines if trust == "untrusted"] == run_without_trust
    trusted = {name for trust, name in lines if trust == "trusted"}
    assert {"auto_map, in config.json", "auto_map as a list, in tokenizer_config.json"} <= trusted

"""Versions: a policy holds for the loaders it was written for, and for no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model_sharing.policy import check_inert
from model_sharing.policy.versions import TESTED, VersionRange, version_problems
from model_sharing_protocol.errors import UntrustedCode
from support.boosting_models import CATBOOST

SUBJECT = "vendor.ml_team.iris_model version 1"


@pytest.mark.parametrize(
    ("version", "tested"),
    [
        ("3.11", True),
        ("3.11.0", True),
        ("3.17.2", True),
        ("3.17.2.post1", True),
        ("3.17.2+ours", True),
        ("3.10.1", False),
        ("2.22.4", False),
        ("3.18.0", False),
        ("4.0", False),
        ("3.9", False),  # which comes before 3.11, though not as text
        ("3.11.0rc1", False),
        ("3.12.0.dev0", False),
        ("1!3.12.0", False),
        ("", False),
        ("three_cached_versions", False),
    ],
)
def test_older_newer_and_unfinished_versions_are_not_tested_ones(version: str, tested: bool) -> None:
    assert (version in VersionRange(("mlflow",), (3, 11), (3, 17))) is tested


@pytest.mark.parametrize(
    ("library", "version"),
    [("mlflow", "3.10.1"), ("skops", "0.13.0"), ("skops", "0.15.0"), ("onnxruntime", "1.23.2")],
)
def test_versions_that_were_seen_to_be_dangerous_are_out(library: str, version: str) -> None:
    assert version not in TESTED[library]


def test_what_runs_here_is_tested() -> None:
    assert not list(version_problems(TESTED))


def installed(site: Path, library: str, distribution: str, version: str) -> None:
    """Installed package as pip leaves it; importing it would be noticed."""
    (site / library).mkdir(parents=True, exist_ok=True)
    (site / library / "__init__.py").write_text("raise AssertionError('it was imported')\n")
    metadata = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")


@pytest.mark.parametrize("version", ["0.26", "1.1.9", "1.3.0", "2.0.0", "1.2.9rc1"])
def test_a_model_for_an_untested_library_says_which_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    installed(tmp_path / "site", "catboost", "catboost", version)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name, text in CATBOOST.items():
        (tmp_path / name).write_text(text)
    tested = str(TESTED["catboost"])
    with pytest.raises(
        UntrustedCode,
        match=rf"read by catboost {version}.* tested with {tested}: pip install .*trust_remote_code=True",
    ):
        check_inert(tmp_path, frozenset({*CATBOOST, "model.cb"}), SUBJECT)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost", "onnx", "onnxruntime"])
def test_a_library_that_is_not_here_reads_nothing(library: str) -> None:
    assert not list(version_problems([library]))


def test_a_distribution_by_another_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "xgboost", "xgboost-cpu", "3.2.0")
    monkeypatch.syspath_prepend(tmp_path)
    assert not list(version_problems(["xgboost"]))
    installed(tmp_path, "xgboost", "xgboost", "1.7.6")  # one over the other, as with mlflow and mlflow-skinny
    assert "read by xgboost 1.7.6," in "".join(version_problems(["xgboost"]))


def test_a_folder_of_the_name_of_a_library_is_not_that_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that `download` wrote where Python is started."""
    installed(tmp_path / "site", "xgboost", "xgboost", "3.2.0")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert not list(version_problems(["xgboost"]))
    (tmp_path / "downloaded" / "xgboost").mkdir(parents=True)
    (tmp_path / "downloaded" / "xgboost" / "__init__.py").write_text("raise AssertionError\n")
    monkeypatch.syspath_prepend(tmp_path / "downloaded")
    assert "which pip did not install" in "".join(version_problems(["xgboost"]))


def test_asking_imports_no_library() -> None:
    code = (
        "import sys; from model_sharing.policy.versions import TESTED, version_problems;"
        "list(version_problems(TESTED)); print(*TESTED.keys() & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()

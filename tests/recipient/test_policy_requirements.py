"""Requirements of a version, told from its small files before anything large is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_sharing.policy.requirements import MAX_JUDGED_BYTES, Requirements, files_to_judge, requirements
from model_sharing_protocol.model_formats import ModelFormat
from support.boosting_models import CATBOOST
from support.files import write_tree
from support.hostile_input.model_folders import TEMPLATE, encoded, good_folder, hostile_folders
from support.hostile_input.models import Files
from support.safetensors_files import safetensors
from support.weights_files import gguf


def told(folder: Path, files: Files) -> Requirements:
    """Requirements with only the small files that are asked for in the folder."""
    sizes = {path: len(content) for path, content in files.items()}
    write_tree(folder, {path: files[path] for path in files_to_judge(sizes)})
    return requirements(folder, sizes)


def test_no_weights_are_needed_to_tell(tmp_path: Path) -> None:
    files = good_folder()
    found = told(tmp_path, files)
    assert found.format is ModelFormat.HUGGINGFACE
    assert found.program.name == "transformers"
    assert [library.name for library in found.libraries] == ["transformers", "torch", "jinja2"]
    assert found.libraries[0].versions == ">=5.5,<5.25"
    assert not found.runs_code
    assert not found.elsewhere
    assert found.unread == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    assert not {path.name for path in tmp_path.iterdir()} & {"tokenizer.json", "README.md", *found.unread}


def test_it_names_the_files_because_of_which_code_would_run(tmp_path: Path) -> None:
    files = good_folder() | {
        "modeling_evil.py": b"",
        "pytorch_model.bin": b"",
        "config.json": encoded({"auto_map": {"AutoModel": "modeling_evil.Evil"}}),
        "chat_template.jinja": b"{{ lipsum.__globals__ }}",
    }
    found = told(tmp_path, files)
    assert found.runs_code
    assert {finding.path for finding in found.code} == files.keys() - good_folder().keys() | {
        "config.json",
        "chat_template.jinja",
    }
    assert any("unpickled" in finding.reason for finding in found.code)


def test_what_comes_from_elsewhere_is_told_apart_from_code(tmp_path: Path) -> None:
    adapter = {
        "adapter_config.json": encoded({"base_model_name_or_path": "acme/base"}),
        "adapter_model.safetensors": safetensors({}),
    }
    found = told(tmp_path, adapter)
    assert found.format is ModelFormat.ADAPTER
    assert not found.runs_code
    assert "'acme/base'" in found.elsewhere[0].reason


def test_each_hostile_folder_is_told_or_has_its_cause_in_weights(tmp_path: Path) -> None:
    for number, (way, files) in enumerate(sorted(hostile_folders(tmp_path / "executed").items())):
        found = told(tmp_path / str(number), files)
        weights = {path for path in files if path.endswith((".safetensors", ".gguf", ".onnx"))}
        assert found.code or found.elsewhere or set(found.unread) & weights, way
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"tiny.gguf": gguf({"tokenizer.chat_template": TEMPLATE})},
            "llama-server -m \"$(model-sharing path models:/v.a.b/1 --file '*.gguf')\"",
        ),
        ({"weights.npz": b""}, "model-sharing path models:/v.a.b/1"),
    ],
)
def test_it_says_how_the_files_get_to_the_program(tmp_path: Path, files: Files, line: str) -> None:
    assert told(tmp_path, files).program.line_for("models:/v.a.b/1") == line


def test_an_mlflow_model_is_told_by_its_mlmodel_and_environment(tmp_path: Path) -> None:
    files = {path: text.encode() for path, text in CATBOOST.items()} | {"model.cb": b"CBM1"}
    found = told(tmp_path / "good", files)
    assert found.format is ModelFormat.MLFLOW
    assert [library.name for library in found.libraries] == ["mlflow", "catboost"]
    assert not found.code
    assert found.unread == ("model.cb",)
    changed = files | {"code/evil.py": b"", "requirements.txt": b"-e .\n"}
    assert {finding.path for finding in told(tmp_path / "changed", changed).code} == {
        "code/evil.py",
        "requirements.txt",
    }


def test_what_is_too_large_to_fetch_is_said_to_be_unread(tmp_path: Path) -> None:
    sizes = {"config.json": 100, "huge.json": MAX_JUDGED_BYTES, "model.safetensors": 8}
    assert files_to_judge(sizes) == ("config.json",)
    (tmp_path / "config.json").write_bytes(b"{}")
    assert requirements(tmp_path, sizes).unread == ("huge.json", "model.safetensors")

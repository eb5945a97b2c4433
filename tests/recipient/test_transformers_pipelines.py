"""Loading of versions that transformers reads, with a stand-in for it; `tests/soak` has the real one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing.catalogs.pipeline_task import find_task
from model_sharing_protocol.errors import InvalidModel, MissingDependency, UntrustedCode
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider
from support.files import write_tree
from support.hostile_input.model_folders import encoded, good_folder
from support.safetensors_files import safetensors
from support.weights_files import gguf

URI = "models:/vendor.llm.tiny/1"
STAND_INS = ("transformers", "torch", "huggingface_hub")
TRANSFORMERS = """
import huggingface_hub.constants
__version__ = "5.24.0"
def pipeline(task, **options):
    if task == "unheard-of":
        raise KeyError(f"Unknown task {task}\\nand much more")
    return {"task": task, "offline": huggingface_hub.constants.HF_HUB_OFFLINE, **options}
"""


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder with the metadata of packages that stand in for transformers and what it needs."""
    site = tmp_path / "site"
    metadata = {"transformers": "5.24.0", "torch": "2.13.0", "huggingface_hub": "2.4.0"}
    write_tree(
        site,
        {
            "transformers/__init__.py": TRANSFORMERS.encode(),
            "torch/__init__.py": b"",
            "huggingface_hub/__init__.py": b"",
            "huggingface_hub/constants.py": b"HF_HUB_OFFLINE = False\n",
        }
        | {
            f"{name}-{version}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n".encode()
            for name, version in metadata.items()
        },
    )
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] in STAND_INS}
    for name in before:
        del sys.modules[name]
    monkeypatch.syspath_prepend(site)
    yield site
    for name in [name for name in sys.modules if name.split(".")[0] in STAND_INS]:
        del sys.modules[name]
    sys.modules.update(before)


def test_a_version_becomes_a_pipeline_of_its_task_without_the_network(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, transformers: Path
) -> None:
    fake_provider.publish("llm.tiny", 1, good_folder())
    pipeline = model_sharing.load_model(URI)
    assert pipeline["task"] == "text-generation"
    assert (Path(pipeline["model"]) / "config.json").is_file()
    assert pipeline["trust_remote_code"] is False
    assert pipeline["model_kwargs"] == {"use_safetensors": True}
    assert pipeline["offline"] is True
    assert sys.modules["huggingface_hub"].constants.HF_HUB_OFFLINE is False  # as it was


def test_code_of_its_own_runs_with_trust_only(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path, transformers: Path
) -> None:
    code = {
        "modeling_evil.py": b"",
        "config.json": encoded({"auto_map": {"AutoModel": "modeling_evil.Evil"}}),
    }
    fake_provider.publish("llm.tiny", 1, good_folder() | code)
    with pytest.raises(UntrustedCode, match=r"modeling_evil\.py.*auto_map.*trust_remote_code=True"):
        model_sharing.load_model(URI)
    assert model_sharing.load_model(URI, trust_remote_code=True)["trust_remote_code"] is True
    with pytest.raises(UntrustedCode):
        model_sharing.load_model(URI)  # it was for that call alone
    model_sharing.unmount("vendor")
    trusted = model_sharing.mount(profile, share=SHARE, name="vendor", trust_remote_code=True)
    assert trusted.load_model(URI)["trust_remote_code"] is True
    with pytest.raises(UntrustedCode):
        trusted.load_model(URI, trust_remote_code=False)


@pytest.mark.parametrize("version", ["4.57.6", "5.4.0", "5.25.0", "6.0.0"])
def test_with_an_untested_transformers_nothing_loads_without_trust(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, transformers: Path, version: str
) -> None:
    metadata = transformers / "transformers-5.24.0.dist-info"
    (metadata / "METADATA").write_text(f"Name: transformers\nVersion: {version}\n")
    metadata.rename(transformers / f"transformers-{version}.dist-info")
    fake_provider.publish("llm.tiny", 1, good_folder())
    with pytest.raises(UntrustedCode, match=rf"read by transformers {version}, .*tested with >=5.5,<5.25"):
        model_sharing.load_model(URI)


@pytest.mark.parametrize("missing", ["transformers", "torch"])
def test_without_transformers_the_error_names_the_extra_and_the_folder(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    transformers: Path,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    fake_provider.publish("llm.tiny", 1, good_folder())
    with pytest.raises(
        MissingDependency,
        match=rf"'model-sharing\[transformers\]'.*model-sharing path {URI}",
    ):
        model_sharing.load_model(URI)


PROGRAMS = {
    "llama.cpp": {"tiny.Q4_K_M.gguf": gguf({}, [("a", (4,), 0, bytes(16))])},
    "peft": {"adapter_config.json": b"{}", "adapter_model.safetensors": safetensors({})},
    "diffusers": {"model_index.json": encoded({"_class_name": "DDPMPipeline"})},
    "ONNX Runtime": {"model.onnx": b""},
    "sentence-transformers": good_folder() | {"modules.json": b"[]"},
    "a program of your choice": {"weights.npz": b""},
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_other_programs_read_is_left_to_them(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, program: str
) -> None:
    """Also where there is trust: nothing here would load it, so that nothing is fetched either."""
    fake_provider.publish("llm.tiny", 1, PROGRAMS[program])
    for trust in (False, True):
        with pytest.raises(InvalidModel, match=rf"for {program}: .*path.*{URI}"):
            model_sharing.load_model(URI, trust_remote_code=trust)
    assert not fake_provider.file_requests()


def test_what_transformers_cannot_read_ends_in_one_line(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, transformers: Path
) -> None:
    card = b"---\npipeline_tag: unheard-of\n---\n"
    fake_provider.publish("llm.tiny", 1, good_folder() | {"README.md": card})
    with pytest.raises(InvalidModel, match=r"transformers 5\.24\.0 cannot load .*'unheard-of'") as refused:
        model_sharing.load_model(URI)
    assert "much more" not in str(refused.value)


def test_a_version_that_does_not_say_its_task_is_not_guessed(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, transformers: Path
) -> None:
    files = good_folder() | {"config.json": b'{"model_type": "llama"}', "README.md": b"# Nothing\n"}
    fake_provider.publish("llm.tiny", 1, files)
    with pytest.raises(InvalidModel, match=f"does not say what it is for.*model-sharing path {URI}"):
        model_sharing.load_model(URI)


@pytest.mark.parametrize(
    ("card", "architectures", "task"),
    [
        ("---\npipeline_tag: fill-mask\n---\n", ["LlamaForCausalLM"], "fill-mask"),
        ("---\r\npipeline_tag: fill-mask\r\n---\r\n", [], "fill-mask"),
        ("---\npipeline_tag: [a]\n---\n", ["LlamaForCausalLM"], "text-generation"),
        ("---\npipeline_tag: !!python/name:os.system\n---\n", ["BertModel"], "feature-extraction"),
        ("---\npipeline_tag: ../evil\n---\n", ["BertForSequenceClassification"], "text-classification"),
        ("# No front matter\n", ["GPT2LMHeadModel"], "text-generation"),
        ("", ["Unknown"], ""),
        ("", "BertModel", ""),
        ("", [1], ""),
    ],
)
def test_the_task_is_the_cards_or_the_architectures(
    tmp_path: Path, card: str, architectures: object, task: str
) -> None:
    (tmp_path / "README.md").write_bytes(card.encode())
    (tmp_path / "config.json").write_text(json.dumps({"architectures": architectures}))
    assert find_task(tmp_path) == task

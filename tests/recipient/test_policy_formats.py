"""Formats that MLflow never saw: folders of transformers, diffusers and peft, GGUF and ONNX files."""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from model_sharing.policy import check_inert
from model_sharing.policy.formats.chat_templates import template_problem
from model_sharing.policy.formats.configurations import configuration_findings
from model_sharing.policy.model_files import ModelFiles
from model_sharing_protocol.errors import UntrustedCode
from support.files import write_tree
from support.hostile_input.chat_templates import STRANGE_TEMPLATES, live_templates
from support.hostile_input.model_folders import TEMPLATE, encoded, good_folder, hostile_folders
from support.hostile_input.models import Files
from support.safetensors_files import safetensors
from support.weights_files import field, gguf, onnx_model, onnx_tensor

SUBJECT = "vendor.llm.tiny version 1"


def check(folder: Path, files: Files) -> None:
    write_tree(folder, files)
    check_inert(folder, frozenset(files), SUBJECT)


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marker file, which is there once anything of the corpus has run."""
    return tmp_path_factory.mktemp("marker") / "executed"


def test_no_folder_that_runs_code_or_leads_elsewhere_is_inert(tmp_path: Path, marker: Path) -> None:
    hostile = hostile_folders(marker)
    for number, (way, files) in enumerate(hostile.items()):
        with pytest.raises(UntrustedCode, match=r"the file .*--trust-remote-code"):
            check(tmp_path / str(number), files)
            pytest.fail(f"{way} is taken for inert")
    assert not marker.exists()
    assert len(hostile) > 300


def test_a_refusal_names_the_file_and_the_cause(tmp_path: Path) -> None:
    files = good_folder() | {"modeling_evil.py": b"", "config.json": b'{"auto_map": {"AutoModel": "e.E"}}'}
    with pytest.raises(
        UntrustedCode,
        match=r"the file 'modeling_evil.py' is Python code; the file 'config.json' has 'auto_map'",
    ):
        check(tmp_path, files)


PIPELINE = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "requires_safety_checker": True,
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "image_encoder": [None, None],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
}
SENTENCES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]
INERT: dict[str, Files] = {
    "transformers": good_folder(),
    "diffusers": {
        "model_index.json": encoded(PIPELINE),
        "unet/config.json": encoded({"_class_name": "UNet2DConditionModel", "act_fn": "silu"}),
        "unet/diffusion_pytorch_model.safetensors": safetensors({"a": b"1"}),
        "safety_checker/config.json": encoded({"architectures": ["StableDiffusionSafetyChecker"]}),
        "tokenizer/vocab.json": encoded({"a": 1}),
        "tokenizer/merges.txt": b"",
    },
    "sentence-transformers": good_folder()
    | {
        "modules.json": encoded(SENTENCES),
        "1_Pooling/config.json": encoded({"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}),
        "2_Dense/config.json": encoded({"activation_function": "torch.nn.modules.activation.Tanh"}),
        "sentence_bert_config.json": encoded({"max_seq_length": 8}),
    },
    "mistral": {
        "params.json": encoded({"dim": 8}),
        "consolidated.safetensors": safetensors({"a": b"1"}),
        "tokenizer.model.v3": b"",
        "tekken.json": encoded({"config": {}}),
        "mergekit_config.yml": b"models: []\n",
    },
    "detection": good_folder()
    | {"config.json": encoded({"backbone": "resnet50", "use_pretrained_backbone": True})},
    "gguf": {"tiny.Q4_K_M.gguf": gguf({"tokenizer.chat_template": TEMPLATE}, [("a", (4,), 0, bytes(16))])},
    "onnx": {
        "model.onnx": onnx_model(
            field(5, onnx_tensor("w", [4], location="weights/w.data")),
            field(1, field(4, "Gelu") + field(7, "com.microsoft")),
        ),
        "weights/w.data": bytes(16),
    },
    "quantized": good_folder()
    | {"config.json": encoded({"quantization_config": {"quant_method": "bitsandbytes"}})},
}


@pytest.mark.parametrize("kind", sorted(INERT))
def test_what_people_share_is_inert(tmp_path: Path, kind: str) -> None:
    check(tmp_path, INERT[kind])


def test_an_adapter_says_that_its_base_model_comes_from_elsewhere(tmp_path: Path) -> None:
    adapter = {
        "adapter_config.json": encoded(
            {"peft_type": "LORA", "base_model_name_or_path": "acme/base", "megatron_core": "megatron.core"}
        ),
        "adapter_model.safetensors": safetensors({"a": b"1"}),
    }
    with pytest.raises(UntrustedCode, match="loads its base model 'acme/base' from elsewhere") as refused:
        check(tmp_path, adapter)
    assert str(refused.value).count("the file '") == 1


# Templates


def test_the_templates_of_the_corpus_run_outside_of_a_sandbox(marker: Path) -> None:
    """And not in the one of transformers: each is live ammunition for programs that have none."""
    for name, template in live_templates(marker).items():
        for environment, runs in ((jinja2.Environment(), True), (ImmutableSandboxedEnvironment(), False)):
            with contextlib.suppress(jinja2.TemplateError, TypeError):
                environment.from_string(template).render(messages=[{"role": "user", "content": "x"}])
            assert marker.exists() is runs, name
            marker.unlink(missing_ok=True)


GOOD_TEMPLATES = {
    "roles": "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content.strip() }}{% endfor %}",
    "tools": "{% for t in tools %}{{ t.function | tojson(indent=2) }}"
    "{% if not loop.last %},{% endif %}{% endfor %}",
    "namespaces": "{% set ns = namespace(last=-1) %}"
    "{% for m in messages %}{% set ns.last = loop.index0 %}{% endfor %}",
    "macros": "{% macro text(content, _depth=0) %}"
    "{{ content.split('</think>')[-1].lstrip('\\n') }}{% endmacro %}{{ text(messages[0]['content']) }}",
    "items": "{% for k, v in call.arguments.items() %}{{ k.upper() ~ '=' ~ v|string }}{% endfor %}",
    "generation": "{% generation %}{{ messages[-1].content }}{% endgeneration %}",
    "breaks": "{% for m in messages %}{% if m.role == 'tool' %}{% break %}{% endif %}{% endfor %}",
    "errors": "{{ raise_exception('Roles must alternate') }}{{ strftime_now('%d %b %Y') }}",
    "filters": "{{ messages | selectattr('role', 'equalto', 'user')"
    " | map(attribute='content') | join('\\n') }}",
    "append": "{% set seen = [] %}{% set _ = seen.append(1) %}{{ loop_messages[1:][::-1] | length }}",
}


@pytest.mark.parametrize("name", GOOD_TEMPLATES)
@pytest.mark.parametrize("with_jinja", [True, False])
def test_templates_that_compute_with_text_are_taken(
    name: str, with_jinja: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_jinja:
        monkeypatch.setitem(sys.modules, "jinja2", None)
    assert template_problem(GOOD_TEMPLATES[name]) is None


def test_without_jinja_a_rule_about_the_text_refuses_as_much(
    marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    taken = [name for name, template in live_templates(marker).items() if not template_problem(template)]
    assert not taken


@given(st.text(alphabet="{}%|.[]()'\"_ abcdefor~=+-:\n", max_size=60))
def test_no_template_ends_in_another_error(template: str) -> None:
    template_problem(template)


@given(st.sampled_from(sorted(live_templates(Path("/x")) | STRANGE_TEMPLATES)), st.text(max_size=20))
def test_nothing_put_in_front_makes_a_template_good(name: str, text: str) -> None:
    template = (live_templates(Path("/x")) | STRANGE_TEMPLATES)[name]
    if "{" not in text:
        assert template_problem(text + template)


# Configurations


@given(
    key=st.sampled_from(["auto_map", "custom_pipelines", "custom_generate", "_attn_implementation_internal"]),
    value=st.text(min_size=1) | st.dictionaries(st.text(), st.text(), min_size=1),
    wrapping=st.lists(st.sampled_from(["list", "text_config", "quantization_config"]), max_size=5),
)
def test_at_no_depth_is_a_key_that_runs_code_overlooked(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object, wrapping: list[str]
) -> None:
    configuration: Any = {key: value}
    for name in wrapping:
        configuration = [configuration] if name == "list" else {name: configuration}
    folder = tmp_path_factory.getbasetemp()
    (folder / "config.json").write_text(json.dumps(configuration))
    files = ModelFiles.in_folder(folder, ["config.json"])
    assert list(configuration_findings(files, "config.json", files.json("config.json")))


@given(st.binary(max_size=200))
def test_no_configuration_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for path in ("config.json", "model_index.json", "modules.json", "model.safetensors.index.json"):
        (folder / path).write_bytes(content)
        with contextlib.suppress(UntrustedCode):
            check_inert(folder, frozenset({path}), SUBJECT)


NAMES = ("config.json", "model_index.json", "modules.json", "router_config.json", "adapter_config.json")
KEYS = ("architectures", "auto_map", "chat_template", "_class_name", "type", "types", "unet", "weight_map")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


@example(name="model_index.json", content={"_class_name": "DDPMPipeline", "unet": [[], "UNet2DModel"]})
@example(name="modules.json", content=[{"type": [], "path": {}}])
@given(name=st.sampled_from((*NAMES, "model.safetensors.index.json")), content=VALUES)
def test_no_value_of_another_type_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: object
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / name).write_text(json.dumps(content))
    with contextlib.suppress(UntrustedCode):
        check_inert(folder, frozenset({name}), SUBJECT)


@pytest.mark.parametrize("name", ["training_args.bin", "optimizer.pt", "language_model/5gram.bin"])
def test_the_pickles_of_such_folders_are_live(marker: Path, name: str) -> None:
    with contextlib.suppress(Exception):
        pickle.loads(hostile_folders(marker)[f"beside: {name}"][name])
    assert marker.exists()
    marker.unlink()

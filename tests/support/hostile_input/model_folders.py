"""Folders of formats other than MLflow's that run code, or load something else, when they are loaded.

Each is a good folder with one change. Where a library that reads it runs what the change brings, it creates a
marker file: `tests/soak` shows that with transformers, and `test_policy_formats.py` with Jinja and pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.hostile_input.chat_templates import STRANGE_TEMPLATES, live_templates
from support.hostile_input.models import Files, payloads
from support.safetensors_files import framed, safetensors
from support.weights_files import field, gguf, onnx_model, onnx_tensor

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 8,
    "vocab_size": 8,
    "max_position_embeddings": 16,
    "_name_or_path": "/home/them/checkpoints/last",
    "text_config": {"model_type": "llama", "attn_implementation": "sdpa"},
}
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "<unk>": 2}, "unk_token": "<unk>"},
}
TEMPLATE = "{% for message in messages %}{{ message['content'].strip() | trim }}{% endfor %}"


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def good_folder() -> Files:
    """Folder of transformers in which all is inert, with what such folders usually have."""
    return {
        "config.json": encoded(CONFIG),
        "generation_config.json": encoded({"do_sample": True, "transformers_version": "5.24.0"}),
        "model-00001-of-00002.safetensors": safetensors({"a": bytes(16)}, {"format": "pt"}),
        "model-00002-of-00002.safetensors": safetensors({"b": bytes(16)}),
        "model.safetensors.index.json": encoded(
            {
                "metadata": {"total_size": 32},
                "weight_map": {
                    "a": "model-00001-of-00002.safetensors",
                    "b": "model-00002-of-00002.safetensors",
                },
            }
        ),
        "tokenizer.json": encoded(TOKENIZER),
        "tokenizer_config.json": encoded(
            {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE, "unk_token": "<unk>"}
        ),
        "preprocessor_config.json": encoded({"image_processor_type": "CLIPImageProcessor"}),
        "tokenizer.model": b"sentencepiece",
        "merges.txt": b"a b\n",
        "special_tokens_map.json": encoded({"unk_token": {"content": "<unk>"}}),
        "chat_template.jinja": TEMPLATE.encode(),
        "README.md": b"---\npipeline_tag: text-generation\n---\n# A model\n",
        "LICENSE": b"as you like\n",
        "images/loss.png": b"\x89PNG",
    }


def hostile_folders(marker: Path) -> dict[str, Files]:
    """Good folders with one change, by what the change is."""
    good = good_folder()
    beside = {f"beside: {path}": good | {path: data} for path, data in _code_files(marker).items()}
    return (
        beside
        | _by_keys(good, marker)
        | _by_templates(good, marker)
        | _by_peculiar_json(good)
        | _by_weights(good)
    )


def _code_files(marker: Path) -> Files:
    ammunition = payloads(marker)
    bomb, source = ammunition["model.pkl"], ammunition["modeling_evil.py"]
    again = {f"sub/{path}": data for path, data in ammunition.items() if "/" not in path}
    return (
        ammunition
        | again
        | {
            "training_args.bin": bomb,
            "optimizer.pt": bomb,
            "model.ot": bomb,
            "flax_model.msgpack": b"\x81\xa1a\xc0",
            "tf_model.h5": ammunition["lambda.h5"],
            "handler.py": source,
            "custom_generate/generate.py": source,
            "language_model/5gram.bin": bomb,
            "rng_state.pth": bomb,
            "model.onnx.py": source,
            "tokenizer": bomb,
            "config.json.pkl": bomb,
            "adapter_model.bin": bomb,
            "MODEL.SAFETENSORS.BIN": bomb,
            "sub/MLmodel": b"flavors: {}",
        }
    )


def _config(change: Mapping[str, object]) -> bytes:
    return encoded({**CONFIG, **change})


def _by_keys(good: Files, marker: Path) -> dict[str, Files]:
    """Keys of configurations by which libraries run code, in each place where one may be."""
    code = {"modeling_evil.txt": f"open({str(marker)!r}, 'w')".encode()}
    found: dict[str, Files] = {}
    for name, change in _KEYS.items():
        found |= {
            f"{name}, in config.json": good | code | {"config.json": _config(change)},
            f"{name}, nested": good | {"config.json": _config({"text_config": {"deep": [change]}})},
            f"{name}, in tokenizer_config.json": good | {"tokenizer_config.json": encoded(change)},
            f"{name}, in a processor": good | {"processor_config.json": encoded({"processor": change})},
            f"{name}, in a folder": good | {"text_encoder/config.json": encoded(change)},
        }
    for path, contents in _FILES.items():
        found |= {f"{path}: {name}": good | {path: encoded(value)} for name, value in contents.items()}
    return found


_KEYS: Mapping[str, Mapping[str, object]] = {
    "auto_map": {"auto_map": {"AutoConfig": "modeling_evil.Evil", "AutoModel": "modeling_evil.Evil"}},
    "auto_map elsewhere": {"auto_map": {"AutoConfig": "evil/repo--modeling_evil.Evil"}},
    "auto_map as a list": {"auto_map": ["modeling_evil.Evil", None]},
    "custom pipelines": {
        "custom_pipelines": {"x": {"impl": "evil.Evil", "pt": ["AutoModel"], "type": "text"}}
    },
    "custom pipeline": {"custom_pipeline": "evil"},
    "custom generate": {"custom_generate": "evil/repo"},
    "trust": {"trust_remote_code": True},
    "trust as text": {"trust_remote_code": "yes"},
    "internal kernel (CVE-2026-4372)": {"_attn_implementation_internal": "evil/kernel"},
    "internal experts": {"_experts_implementation_internal": "evil/kernel"},
    "kernel": {"attn_implementation": "evil/kernel"},
    "kernel of a version": {"_attn_implementation": "evil/kernel@main:run"},
    "paged kernel": {"attn_implementation": {"": "paged|evil/kernel"}},
    "experts kernel": {"experts_implementation": "evil/kernel"},
    "kernels": {"use_kernels": True},
    "kernel configuration": {"kernel_config": {"RMSNorm": "evil/kernel:RMSNorm"}},
    "class that is no model": {"architectures": ["RagRetriever"]},
    "architecture with dots": {"architectures": ["os.ForX"]},
    "tokenizer that is none": {"tokenizer_class": "RagRetriever"},
    "tokenizer with dots": {"tokenizer_class": "evil.Tokenizer"},
    "processor with a language model": {"processor_class": "Wav2Vec2ProcessorWithLM"},
    "image processor that is none": {"image_processor_type": "pipeline"},
    "feature extractor that is none": {"feature_extractor_type": "pipeline"},
    "video processor that is none": {"video_processor_type": "pipeline"},
    "activation elsewhere": {"activation_fn": "os.system"},
    "activation of a module": {"activation_function": "evil.Evil"},
    "quantization by another library": {"quantization_config": {"quant_method": "evil"}},
    "vocabulary elsewhere": {"vocab_file": "/etc/passwd"},
    "tokenizer file elsewhere": {"tokenizer_file": "../../other/tokenizer.json"},
    "retriever": {"index_path": "/tmp/evil.pkl"},
    "another model": {"text_encoder_name_or_path": "evil/repo"},
    "backbone from elsewhere": {"backbone": "evil/repo"},
    "architecture from a folder": {"architecture": "local-dir:/tmp/evil"},
    "architecture from the Hub": {"architecture": "hf_hub:evil/repo"},
    "weights elsewhere": {"transformers_weights": "../../evil.safetensors"},
    "another configuration": {"configuration_files": ["config.4.0.0/../../../evil.json"]},
    "speakers elsewhere": {"speaker_embeddings": {"repo_or_path": "/tmp/evil"}},
    "dictionary elsewhere": {"mecab_kwargs": {"mecab_option": "-r /tmp/evil"}},
    "class of an unknown kind": {"some_class_name": "os.system"},
    "tokenizer files elsewhere": {"fast_tokenizer_files": ["tokenizer.json", "../../tokenizer.4.json"]},
}
_FILES: Mapping[str, Mapping[str, Any]] = {
    # Some file systems find these files by their usual names.
    "Config.json": {"other letters": {"auto_map": {"AutoModel": "evil.Evil"}}},
    "Modules.json": {"other letters": [{"idx": 0, "path": "", "type": "os.system"}]},
    "Adapter_Config.json": {"other letters": {"base_model_name_or_path": "their/base"}},
    "model.safetensors.INDEX.json": {"other letters": {"weight_map": {"a": "../evil.safetensors"}}},
    "Chat_Template.json": {"nested": {"chat_template": [[[{"a": ["{{ x.__class__ }}"]}]]]}},
    "model_index.json": {
        "a module": {"_class_name": "StableDiffusionPipeline", "unet": ["os", "UNet"]},
        "a module of ours": {"_class_name": "StableDiffusionPipeline", "unet": ["evil", "Evil"]},
        "a dotted module": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers.evil", "UNet"]},
        "a function": {"_class_name": "StableDiffusionPipeline", "unet": ["transformers", "pipeline"]},
        "a private class": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "_Evil"]},
        "a class with dots": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "A.B"]},
        "a pipeline of its own": {"_class_name": ["pipeline", "EvilPipeline"]},
        "a pipeline with a path": {"_class_name": "../evil/Pipeline"},
        "a library and no class": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers"]},
        "not a mapping": [],
        "no pipeline": {"unet": ["diffusers", "UNet2DModel"]},
    },
    "modular_model_index.json": {
        "another model": {
            "_class_name": "ModularPipeline",
            "unet": ["diffusers", "UNet2DModel", {"pretrained_model_name_or_path": "evil/repo"}],
        },
    },
    "modules.json": {
        "a class of its own": [{"idx": 0, "name": "0", "path": "", "type": "modeling_evil.Evil"}],
        "a module of Python": [{"idx": 0, "name": "0", "path": "", "type": "os.system"}],
        "a module like ours": [{"idx": 0, "path": "", "type": "sentence_transformers_evil.models.Evil"}],
        "a function": [{"idx": 0, "path": "", "type": "sentence_transformers.util.import_from_string"}],
        "a folder elsewhere": [{"path": "../evil", "type": "sentence_transformers.models.Transformer"}],
        "an absolute folder": [{"path": "/evil", "type": "sentence_transformers.models.Transformer"}],
        "no type": [{"path": ""}],
        "not a list": {"type": "evil.Evil"},
        "text": ["evil.Evil"],
    },
    "router_config.json": {"a class of its own": {"types": {"a": "evil.Evil"}}, "no types": {}},
    "2_Dense/config.json": {"activation": {"activation_function": "subprocess.Popen"}},
    "adapter_config.json": {
        "a base model": {"peft_type": "LORA", "base_model_name_or_path": "their/base"},
        "a base model here": {"peft_type": "LORA", "base_model_name_or_path": "/tmp/evil"},
        "no base model": {"peft_type": "LORA"},
        "another library": {"auto_mapping": {"parent_library": "evil", "base_model_class": "EvilModel"}},
        "megatron": {"megatron_config": {"a": 1}, "megatron_core": "evil"},
        "a cache": {"corda_config": {"cache_file": "/tmp/evil.pt"}},
        "a tokenizer elsewhere": {"tokenizer_name_or_path": "evil/repo"},
        "a state elsewhere": {"prompt_tuning_init_state_dict_path": "/tmp/evil.bin"},
    },
}


def _by_templates(good: Files, marker: Path) -> dict[str, Files]:
    """Templates in each place where programs look for one."""
    templates = live_templates(marker) | STRANGE_TEMPLATES
    found = {f"template, {name}": good | {"chat_template.jinja": t.encode()} for name, t in templates.items()}
    evil = templates["globals of lipsum"]
    places = {
        "tokenizer_config.json": encoded({"chat_template": evil}),
        "tokenizer_config.json of two": encoded({"chat_template": [{"name": "tool", "template": evil}]}),
        "chat_template.json": encoded({"chat_template": evil}),
        "processor_config.json": encoded({"chat_template": {"default": TEMPLATE, "tool": evil}}),
        "additional_chat_templates/tool.jinja": evil.encode(),
        "model.gguf": gguf({"tokenizer.chat_template": evil}),
        "tool.gguf": gguf({"tokenizer.chat_template": TEMPLATE, "tokenizer.chat_template.tool": evil}),
        "long.gguf": gguf({"tokenizer.chat_template": TEMPLATE + " " * 1_100_000}),
        "chat_template.jinja": b"\xff\xfe",
    }
    return found | {
        f"template in {place}": good | {place.split(" ")[0]: data} for place, data in places.items()
    }


def _by_peculiar_json(good: Files) -> dict[str, Files]:
    """Configurations that two programs could read differently, or cannot read."""
    contents = {
        "a key twice": b'{"auto_map": {"AutoConfig": "a.B"}, "auto_map": null}',
        "a nested key twice": b'{"a": {"trust_remote_code": true, "trust_remote_code": false}}',
        "too deep": b"[" * 100_000,
        "nothing": b"",
        "not JSON": b"{'auto_map': 1}",
        "two values": b"{} {}",
        "utf-16": "{}".encode("utf-16"),
        "too large": b'{"a": "' + b"x" * 9_000_000 + b'"}',
    }
    return {f"JSON, {name}": good | {"config.json": data} for name, data in contents.items()} | {
        "JSON, index with a key twice": good
        | {"model.safetensors.index.json": b'{"weight_map": {}, "weight_map": {"a": "../x.safetensors"}}'},
    }


def _by_weights(good: Files) -> dict[str, Files]:
    """Weights whose headers lie or lead elsewhere, and indices that do."""
    shards = {
        "above": "../evil.safetensors",
        "absolute": "/tmp/evil.safetensors",
        "elsewhere": "sub/../../evil.safetensors",
        "not there": "model-00003-of-00003.safetensors",
        "a pickle": "pytorch_model.bin",
    }
    indices = {
        f"index, {name}": encoded({"metadata": {}, "weight_map": {"a": path}})
        for name, path in shards.items()
    } | {"index, no map": b"{}", "index, a list": b"[]"}
    files = {
        "safetensors, a pickle": {"model.safetensors": b"\x80\x04cos\nsystem\n(S'true'\ntR."},
        "safetensors, empty": {"model.safetensors": b""},
        "safetensors, endless header": {"model.safetensors": (2**63).to_bytes(8, "little") + b"{}"},
        "safetensors, beyond the file": {
            "model.safetensors": framed(
                encoded({"a": {"dtype": "U8", "shape": [99], "data_offsets": [0, 99]}}), b""
            )
        },
        "safetensors, not JSON": {"model.safetensors": framed(b"{" * 64, b"")},
        "gguf, a pickle": {"model.gguf": b"\x80\x04cos\nsystem\n(S'true'\ntR."},
        "gguf, cut": {"model.gguf": gguf({"general.architecture": "llama"})[:20]},
        "gguf, beyond the file": {"model.gguf": gguf({}, [("a", (1 << 20,), 0, b"")])},
        "gguf, version": {"model.gguf": gguf({}, version=9)},
        "onnx, weights above": {
            "model.onnx": onnx_model(field(5, onnx_tensor("w", [4], location="../secret")))
        },
        "onnx, absolute weights": {
            "model.onnx": onnx_model(field(5, onnx_tensor("w", [4], location="/etc/passwd")))
        },
        "onnx, weights not there": {
            "model.onnx": onnx_model(field(5, onnx_tensor("w", [4], location="w.data")))
        },
        "onnx, operators of a library": {
            "model.onnx": onnx_model(field(1, field(4, "Run") + field(7, "evil")))
        },
        "onnx, not protobuf": {"model.onnx": b"\x80\x04cos\nsystem\n(S'true'\ntR."},
    }
    by_index = {name: good | {"model.safetensors.index.json": data} for name, data in indices.items()}
    return by_index | {name: good | more for name, more in files.items()}


def _onnx_with_weights_at(location: str) -> bytes:
    return onnx_model(field(5, onnx_tensor("w", [4], location=location)))

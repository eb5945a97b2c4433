"""Folders of models that MLflow never saw, small and not meant to be loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from support.safetensors_files import safetensors
from support.weights_files import field as protobuf_field
from support.weights_files import gguf, onnx_model, onnx_tensor

CARD = b"""\
---
license: apache-2.0
language: [en, no]
pipeline_tag: text-generation
base_model: example/base
---
# Tiny
"""
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "max_position_embeddings": 2048,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.56.0",
}
Files = dict[str, bytes]


def huggingface(**config: object) -> Files:
    """A transformers model with its tokenizer and card."""
    return {
        "config.json": json.dumps(CONFIG | config).encode(),
        "model.safetensors": safetensors({"w": b"12345678"}),
        "tokenizer.json": b"{}",
        "README.md": CARD,
    }


def sharded() -> Files:
    """A transformers model in two shards."""
    shards = {
        "model-00001-of-00002.safetensors": safetensors({"a": b"1234"}),
        "model-00002-of-00002.safetensors": safetensors({"b": b"56", "c": b"7"}),
    }
    weight_map = {"a": "model-00001-of-00002.safetensors"} | dict.fromkeys("bc", [*shards][1])
    files = huggingface() | shards | {"model.safetensors.index.json": index(weight_map)}
    del files["model.safetensors"]
    return files


def index(weight_map: Mapping[str, str]) -> bytes:
    return json.dumps({"metadata": {"total_size": 7}, "weight_map": weight_map}).encode()


def adapter() -> Files:
    """A LoRA adapter."""
    config = {"peft_type": "LORA", "base_model_name_or_path": "example/base", "task_type": "CAUSAL_LM"}
    return {
        "adapter_config.json": json.dumps(config).encode(),
        "adapter_model.safetensors": safetensors({"lora_A": b"1234"}),
    }


def diffusers() -> Files:
    """A pipeline of a model and a scheduler, whose safety checker was left out."""
    components = {
        "unet": ["diffusers", "UNet2DModel"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
    }
    pipeline = {"_class_name": "DDIMPipeline", "_diffusers_version": "0.35.0"} | components
    return {
        "model_index.json": json.dumps(pipeline).encode(),
        "unet/config.json": b"{}",
        "unet/diffusion_pytorch_model.safetensors": safetensors({"w": b"123"}),
        "scheduler/scheduler_config.json": b"{}",
    }


def gguf_model(file_type: int = 15, **metadata: str | int | list[str]) -> bytes:
    """A GGUF file of eight weights, said to be Q4_K_M."""
    entries: dict[str, str | int | list[str]] = {
        "general.architecture": "llama",
        "general.file_type": file_type,
        "general.license": "mit",
        "general.languages": ["en"],
        "general.base_model.0.repo_url": "https://huggingface.co/example/base",
        "llama.context_length": 4096,
        "tokenizer.ggml.model": "gpt2",
    }
    return gguf(entries | metadata, [("w", (8,), 0, bytes(32))])


def onnx(**external: str) -> bytes:
    """An ONNX model of 16 weights, in another file where `external` says so."""
    return onnx_model(protobuf_field(5, onnx_tensor("w", (4, 4), bytes(64), **external)))


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write these files below a folder, and return it."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder

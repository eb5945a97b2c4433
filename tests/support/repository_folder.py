"""A folder as `save_pretrained` of transformers writes it, without transformers; not meant to be loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.safetensors_files import safetensors

CARD = """\
---
license: apache-2.0
language: [en]
library_name: transformers
pipeline_tag: text-generation
---
# Tiny

A model that is as small as they come.
"""


def write_repository(folder: Path, *, size: int = 40_000) -> Path:
    """Random weights of about so many bytes in two shards, a configuration, a tokenizer, a card."""
    halves = {name: os.urandom(size // 2) for name in ("model.embed.weight", "model.norm.weight")}
    shards = {f"model-0000{n}-of-00002.safetensors": tensor for n, tensor in enumerate(halves, 1)}
    index = {
        "metadata": {"total_size": sum(map(len, halves.values()))},
        "weight_map": {tensor: shard for shard, tensor in shards.items()},
    }
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64}
    (folder / "onnx").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"type": "BPE"}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 64}))
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "onnx" / "a b+é.json").write_text("{}")
    for shard, tensor in shards.items():
        (folder / shard).write_bytes(safetensors({tensor: halves[tensor]}, {"format": "pt"}))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Each file below a folder, by its path; links are followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

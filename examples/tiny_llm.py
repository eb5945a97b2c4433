"""A language model that is as small as they come, in the format of Hugging Face: random weights, five words.

    python examples/tiny_llm.py FOLDER [SEED]

Written without any library, byte by byte, as `save_pretrained` of transformers would; transformers loads it.
"""

from __future__ import annotations

import json
import math
import random
import sys
from array import array
from pathlib import Path
from typing import Any

WORDS = ["<unk>", "</s>", "▁a", "▁model", "▁that", "▁others", "▁load"]
SPACES = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
HIDDEN, HEADS, LAYERS, LENGTH = 32, 4, 2, 128
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": len(WORDS),
    "hidden_size": HIDDEN,
    "intermediate_size": 2 * HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": LENGTH,
    "eos_token_id": 1,
    "pad_token_id": 1,
    "tie_word_embeddings": False,
    "dtype": "float32",
}
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": SPACES,
    "post_processor": None,
    "decoder": SPACES,
    "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(WORDS)}, "unk_token": WORDS[0]},
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "unk_token": WORDS[0],
    "eos_token": WORDS[1],
    "pad_token": WORDS[1],
    "model_max_length": LENGTH,
}
CARD = """\
---
license: apache-2.0
language: [en]
library_name: transformers
pipeline_tag: text-generation
---
# Tiny

A model that knows five words and has nothing to say.
"""


def tensors() -> dict[str, list[int]]:
    """The shape of each tensor of such a model."""
    square, wide = [HIDDEN, HIDDEN], [2 * HIDDEN, HIDDEN]
    layer = {
        "input_layernorm": [HIDDEN],
        "post_attention_layernorm": [HIDDEN],
        **{f"self_attn.{name}_proj": square for name in "qkvo"},
        **{f"mlp.{name}_proj": wide for name in ("gate", "up")},
        "mlp.down_proj": wide[::-1],
    }
    shapes = {
        "lm_head": [len(WORDS), HIDDEN],
        "model.embed_tokens": [len(WORDS), HIDDEN],
        "model.norm": [HIDDEN],
    }
    for n in range(LAYERS):
        shapes |= {f"model.layers.{n}.{name}": shape for name, shape in layer.items()}
    return {f"{name}.weight": shape for name, shape in shapes.items()}


def safetensors(seed: int) -> bytes:
    """A file with all tensors: the length of the header, the header in JSON, the numbers."""
    dice, header, data = random.Random(seed), {}, bytearray()
    for name, shape in tensors().items():
        begin = len(data)
        data += array("f", (dice.gauss(0, 0.5) for _ in range(math.prod(shape)))).tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def write_tiny_llm(folder: Path, seed: int = 1) -> Path:
    """Write the model with other weights for each seed."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"config.json": CONFIG, "tokenizer.json": TOKENIZER, "tokenizer_config.json": TOKENIZER_CONFIG}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2))
    (folder / "README.md").write_text(CARD)
    (folder / "model.safetensors").write_bytes(safetensors(seed))
    return folder


if __name__ == "__main__":
    write_tiny_llm(Path(sys.argv[1]), *map(int, sys.argv[2:3]))

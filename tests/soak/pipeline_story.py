"""Program that makes a small model with transformers, or loads shared ones by `model_sharing.load_model`.

`save FOLDER` makes it. `load PROFILE URI…` mounts the share of a profile and prints what the pipeline of each
URI says, or the error; `trusted:URI` gives trust.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

LINES = ["the quick brown fox", "jumps over the lazy dog", "hello world"]
LOOPBACK = "127.0.0.1"


def save(folder: str) -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=100, special_tokens=special, show_progress=False)
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    config = transformers.LlamaConfig(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    print(json.dumps(said(transformers.pipeline("text-generation", model=folder))))


def load(profile: str, *uris: str) -> None:
    import model_sharing  # which the program that saves does without

    only_loopback()
    model_sharing.mount(profile, share="acme_share", name="vendor")
    for uri in uris:
        name = uri.removeprefix("trusted:")
        try:
            pipeline = model_sharing.load_model(name, trust_remote_code=name != uri)
            print(json.dumps(said(pipeline)))
        except model_sharing.SharingError as error:
            print(json.dumps(f"{type(error).__name__}: {error}"))


def said(pipeline: Any) -> str:
    return str(pipeline("hello", max_new_tokens=5, do_sample=False)[0]["generated_text"])


def only_loopback() -> None:
    """End this program at the first connection that leaves this machine."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        if address[0] != LOOPBACK:
            sys.exit(f"it connected to {address}")
        connect(self, address)

    setattr(socket.socket, "connect", checked)  # noqa: B010  # which mypy would not have assigned


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    commands: dict[str, Callable[..., None]] = {"save": save, "load": load}
    commands[sys.argv[1]](*sys.argv[2:])

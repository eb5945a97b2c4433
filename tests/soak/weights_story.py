"""Program that makes small models with transformers and its kin, on the spot, and reads them as people do.

`save SEED KIND FOLDER …` writes models with random weights; `load KIND SOURCE …` prints, as a JSON list, what
each computes: the same numbers for the same weights. SOURCE is a folder, or REPOSITORY@REVISION of the door
that `HF_ENDPOINT` names; an adapter's is that of its base, a comma, and its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

LINES = ["a share of a model", "is a model that others may load", "as if it were their own"]
WORDS = "a model that others load"
GGUF = "tiny-F32.gguf"
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>"]


def save_tokenizer(folder: Path) -> int:
    """Train one on three lines; its number of tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE(unk_token=SPECIAL[0]))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.train_from_iterator(LINES, BpeTrainer(vocab_size=120, special_tokens=SPECIAL))
    names = dict(zip(("unk_token", "bos_token", "eos_token", "pad_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    size: int = tokenizer.get_vocab_size()
    return size


def small(**more: Any) -> dict[str, Any]:
    """Two layers of any transformer."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        **more,
    }


def save_llm(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    vocabulary = save_tokenizer(folder)
    tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = LlamaConfig(**small(vocab_size=vocabulary, num_key_value_heads=2, **tokens))
    # Shards as large models have them, with an index.
    LlamaForCausalLM(config).save_pretrained(folder, max_shard_size="40KB")
    (folder / "README.md").write_text(
        "---\nlicense: apache-2.0\npipeline_tag: text-generation\n---\n# Tiny\n"
    )


def load_llm(source: str) -> list[float]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place, where = parse(source)
    tokenizer = AutoTokenizer.from_pretrained(place, **where)
    model = AutoModelForCausalLM.from_pretrained(place, **where)
    with torch.no_grad():
        return numbers(model(**tokenizer(WORDS, return_tensors="pt")).logits[0, -1])


def save_adapter(folder: Path) -> None:
    """A LoRA for the model of `save_llm` in the folder `llm` beside it."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(folder.parent / "llm")
    lora = LoraConfig(
        r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(base, lora).save_pretrained(folder)


def load_adapter(source: str) -> list[float]:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    (base, base_where), (adapter, where) = map(parse, source.split(","))
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, **base_where), adapter, **where
    )
    with torch.no_grad():
        return numbers(model(torch.tensor([[1, 5, 6, 7]])).logits[0, -1])


def save_pipeline(folder: Path) -> None:
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, **blocks
    )
    DDPMPipeline(unet, DDPMScheduler(num_train_timesteps=10)).save_pretrained(folder)


def load_pipeline(source: str) -> list[float]:
    from diffusers import DiffusionPipeline

    place, where = parse(source)
    pipeline = DiffusionPipeline.from_pretrained(place, **where)
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(num_inference_steps=2, generator=torch.manual_seed(0), output_type="np").images
    return numbers(images)


def save_sentences(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    inner = folder.parent / f"{folder.name}-inner"
    vocabulary = save_tokenizer(inner)
    BertModel(BertConfig(**small(vocab_size=vocabulary))).save_pretrained(inner)
    transformer = Transformer(str(inner))
    pooling = Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder))


def load_sentences(source: str) -> list[float]:
    from sentence_transformers import SentenceTransformer

    place, where = parse(source)
    return numbers(SentenceTransformer(place, device="cpu", **where).encode(WORDS))


def save_gguf(folder: Path) -> None:
    """One tensor and some facts, as llama.cpp's converter writes them."""
    from gguf import GGUFWriter

    folder.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(folder / GGUF, "llama")
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_tensor("token_embd.weight", torch.rand(8, 32).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load_gguf(source: str) -> list[float]:
    from gguf import GGUFReader
    from huggingface_hub import hf_hub_download

    place, where = parse(source)
    local = Path(place) / GGUF
    reader = GGUFReader(local if local.exists() else hf_hub_download(place, GGUF, **where))
    return numbers(reader.get_tensor(0).data)


def parse(source: str) -> tuple[str, dict[str, str]]:
    """Folder or repository, and what else `from_pretrained` is to be told."""
    place, _, revision = source.partition("@")
    return place, {"revision": revision} if revision else {}


def numbers(array: Any) -> list[float]:
    found: list[float] = np.asarray(array, dtype=np.float64).ravel()[:200].tolist()
    return found


SAVE = {
    "llm": save_llm,
    "adapter": save_adapter,
    "diffusers": save_pipeline,
    "sentences": save_sentences,
    "gguf": save_gguf,
}
LOAD = {
    "llm": load_llm,
    "adapter": load_adapter,
    "diffusers": load_pipeline,
    "sentences": load_sentences,
    "gguf": load_gguf,
}


def main(command: str, *arguments: str) -> None:
    # One thread adds up in one order, so that the same weights give the same numbers to the last bit.
    torch.set_num_threads(1)
    if command == "save":
        seed, *pairs = arguments
        for kind, folder in zip(pairs[::2], pairs[1::2], strict=True):
            torch.manual_seed(int(seed))
            SAVE[kind](Path(folder))
    else:
        pairs = list(arguments)
        print(json.dumps([LOAD[kind](source) for kind, source in zip(pairs[::2], pairs[1::2], strict=True)]))


if __name__ == "__main__":
    main(*sys.argv[1:])

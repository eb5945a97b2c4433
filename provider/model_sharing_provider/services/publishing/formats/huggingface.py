"""Hugging Face folders: what `save_pretrained` of transformers and sentence-transformers wrote."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from model_sharing_protocol.model_formats import ModelSummary
from model_sharing_protocol.model_tasks import task_of
from model_sharing_protocol.weights.tensors import DTYPES
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.json_fields import count, dominant, text, texts
from model_sharing_provider.services.publishing.formats.model_card import ModelCard, read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, read_json
from model_sharing_provider.services.publishing.formats.quantization import quantization_of
from model_sharing_provider.services.publishing.formats.safetensors_weights import SafetensorsWeights

CONFIG = "config.json"
MODULES = "modules.json"
_SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
_WEIGHTS = ("model.safetensors", "model.fp16.safetensors", "consolidated.safetensors")
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "source.spm",
    "tekken.json",
)
# Models of images and sound have one of these in place of a tokenizer.
_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
_CONTEXT_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "n_ctx")


def read_huggingface(files: ModelFiles) -> Reading:
    """Read a Hugging Face folder. Raises InvalidModel for incomplete weights or a config that is not JSON."""
    weights = SafetensorsWeights(files)
    config = read_json(files, CONFIG) if CONFIG in files.sizes else {}
    card = read_card(files)
    quantization = quantization_of(config)
    parameters = weights.parameters(_weights_folder(files), _WEIGHTS)
    architecture = text(next(iter(texts(config.get("architectures"))), "")) or text(config.get("model_type"))
    summary = ModelSummary(
        architecture=architecture,
        parameters=(parameters.total() or None) if quantization.keeps_count else None,
        dtype=dominant(parameters) or _config_dtype(config),
        quantization=quantization.name,
        context_length=_context_length(config),
        library="transformers",
        library_version=text(config.get("transformers_version")),
        task=task_of(architecture),
        missing=_missing(files.sizes),
    )
    if MODULES in files.sizes:
        summary = replace(
            summary,
            task="sentence-similarity",
            library="sentence-transformers",
            library_version=_sentence_transformers_version(files),
        )
    return Reading(summary=with_card(summary, card), license=card.license)


def with_card(summary: ModelSummary, card: ModelCard) -> ModelSummary:
    """Summary with what the model card says, which comes before what is concluded from the files."""
    return replace(
        summary,
        task=card.task or summary.task,
        library=card.library or summary.library,
        library_version=summary.library_version if card.library in ("", summary.library) else "",
        base_model=card.base_model or summary.base_model,
        languages=card.languages or summary.languages,
    )


def _weights_folder(files: ModelFiles) -> str:
    """Folder of the weights: the first module's, if it is one of sentence-transformers with folders."""
    return "" if CONFIG in files.sizes else "0_Transformer"


def _sentence_transformers_version(files: ModelFiles) -> str:
    config = read_json(files, _SENTENCE_TRANSFORMERS) if _SENTENCE_TRANSFORMERS in files.sizes else {}
    versions = config.get("__version__")
    return text(versions.get("sentence_transformers")) if isinstance(versions, dict) else ""


def _context_length(config: Mapping[str, Any]) -> int | None:
    """Context length of a model, or of the text model in one of several kinds of input."""
    nested = config.get("text_config")
    for part in (config, nested if isinstance(nested, dict) else {}):
        for key in _CONTEXT_LENGTHS:
            if found := count(part.get(key)):
                return found
    return None


def _config_dtype(config: Mapping[str, Any]) -> str:
    named = text(config.get("dtype")) or text(config.get("torch_dtype"))
    return DTYPES.get(named.removeprefix("torch."), "")


def _missing(paths: Collection[str]) -> tuple[str, ...]:
    there = {path.rpartition("/")[2] for path in paths}
    found = there.intersection((*_TOKENIZERS, *_PREPROCESSORS)) or any(
        name.endswith(".tiktoken") for name in there
    )
    return () if found else ("tokenizer",)

"""Adapters: what `save_pretrained` of peft wrote, such as LoRA, for a base model that is elsewhere."""

from __future__ import annotations

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.model_formats import ModelSummary
from model_sharing_provider.services.publishing.formats.format_reader import Reading
from model_sharing_provider.services.publishing.formats.huggingface import with_card
from model_sharing_provider.services.publishing.formats.json_fields import dominant, text
from model_sharing_provider.services.publishing.formats.model_card import read_card
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles, read_json
from model_sharing_provider.services.publishing.formats.safetensors_weights import SafetensorsWeights

CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_PICKLED_WEIGHTS = "adapter_model.bin"
_TASKS = {
    "CAUSAL_LM": "text-generation",
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "FEATURE_EXTRACTION": "feature-extraction",
}


def read_adapter(files: ModelFiles) -> Reading:
    """Read an adapter. Raises InvalidModel without weights, or for a config that is not JSON."""
    if not {_WEIGHTS, _PICKLED_WEIGHTS}.intersection(files.sizes):
        raise InvalidModel(f"The adapter has neither {_WEIGHTS} nor {_PICKLED_WEIGHTS}.")
    config = read_json(files, CONFIG)
    parameters = SafetensorsWeights(files).parameters("", [_WEIGHTS])
    card = read_card(files)
    base_model = text(config.get("base_model_name_or_path"))
    summary = ModelSummary(
        architecture=text(config.get("peft_type")),
        parameters=parameters.total() or None,
        dtype=dominant(parameters),
        library="peft",
        library_version=text(config.get("peft_version")),
        base_model=base_model,
        task=_TASKS.get(text(config.get("task_type")), ""),
        missing=() if base_model or card.base_model else ("base model",),
    )
    return Reading(summary=with_card(summary, card), license=card.license)

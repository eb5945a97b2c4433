"""Configurations: JSON files that transformers, diffusers, peft and sentence-transformers act upon.

A rule holds at any depth, since loaders merge nested configurations and hand parts of them to each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from model_sharing.policy.finding import Finding
from model_sharing.policy.model_files import ModelFiles, folder_of, name_of

_CODE_KEYS = frozenset(
    {"auto_map", "custom_pipeline", "custom_pipelines", "custom_generate", "kernel_config"}
    | {"_attn_implementation_internal", "_experts_implementation_internal", "megatron_config"}
)
_CODE_SWITCHES = frozenset({"trust_remote_code", "use_kernels", "allow_all_kernels"})
# What has a slash is the name of a repository with a kernel to run.
_WORD = re.compile(r"[A-Za-z0-9_.-]*")
# Libraries look names of classes up among everything that they have, and then let that class load the folder.
_ARCHITECTURE = re.compile(
    r"[A-Z]\w*(?:Model|For[A-Z]\w*|Backbone|Encoder|Decoder|VisionTransformer|SafetyChecker)\w*"
)
_IDENTIFIER = re.compile(r"\w*")
_CLASS_NAMES = {
    "architectures": _ARCHITECTURE,
    "base_model_class": _ARCHITECTURE,
    "audio_tokenizer_class": _ARCHITECTURE,
    "tokenizer_class": re.compile(r"\w*Tokenizer(?:Fast)?|\w+Backend"),
    "processor_class": re.compile(r"\w*Processor"),
    "image_processor_type": re.compile(r"\w*(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)"),
    "feature_extractor_type": re.compile(r"\w*(?:FeatureExtractor|ImageProcessor(?:Fast|Pil)?)"),
    "video_processor_type": re.compile(r"\w*VideoProcessor"),
    "parent_library": re.compile(r"transformers(?:\.models\.\w+\.\w+)?"),
    "megatron_core": re.compile(r"megatron\.core"),
}
_ACTIVATION = re.compile(r"[A-Za-z0-9_]*|torch\.nn\.modules\.[a-z]+\.[A-Za-z0-9]+")
_VALUES = {
    **_CLASS_NAMES,
    **dict.fromkeys(
        ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation"),
        _WORD,
    ),
    **dict.fromkeys(
        ("activation_function", "activation_fn", "sbert_ce_default_activation_function"), _ACTIVATION
    ),
    # Each other method is a library of its own, which reads more files.
    "quant_method": re.compile(r"bitsandbytes|fp8|mxfp4"),
}
_REFERENCE = re.compile(
    r".*_(?:file|files|path|dir|name_or_path)|repo_or_path|hf_hub_id|gguf_file|mecab_option"
)
# Names of architectures of timm, which takes them for repositories and folders if they look so.
_NAMES = frozenset({"architecture", "backbone"})
# Where a model came from; the loaders write it and do not read it, or not from there.
_ORIGINS = frozenset({"_name_or_path", "name_or_path", "special_tokens_map_file", "base_model_name_or_path"})
_FILES_OF_THE_MODEL = frozenset({"configuration_files", "fast_tokenizer_files", "transformers_weights"})

_DATA = frozenset(
    {"tokenizer.json", "vocab.json", "added_tokens.json", "tekken.json", "merges.json", "dataset_infos.json"}
)


def is_configuration(path: str) -> bool:
    """True for a JSON file that loaders may take for a configuration, not for a vocabulary or an index.

    In any letter case, since some file systems find it by any.
    """
    name = name_of(path).casefold()
    return name.endswith(".json") and name not in _DATA and not name.endswith(".index.json")


def configuration_findings(files: ModelFiles, path: str, configuration: Any) -> Iterator[Finding]:
    """Findings in a configuration: keys and values by which loaders run code, or load something else."""
    for key, value in walk(configuration):
        shown = f"has {key[:80]!r}: {value!r}"[:160]
        if (key in _CODE_KEYS and value) or (key in _CODE_SWITCHES and value not in (False, None)):
            yield Finding.of_file(path, f"has {key!r}, by which libraries come to run code")
        elif (known := _known_values(key)) and not _is_all(value, known.fullmatch):
            yield Finding.of_file(path, f"{shown}, which is not known to run no code")
        elif key in _FILES_OF_THE_MODEL and not _is_all(
            value, lambda name: folder_of(path) + name in files.sizes
        ):
            yield Finding.of_file(path, f"{shown}, which are not files of the model", elsewhere=True)
        elif _is_reference(key, value):
            yield Finding.of_file(path, f"{shown}, to be loaded from elsewhere", elsewhere=True)


def _known_values(key: str) -> re.Pattern[str] | None:
    """Pattern of the values that this key may have; None for a key that may have any."""
    return _VALUES.get(key) or (_IDENTIFIER if key.endswith(("_class", "_class_name")) else None)


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Keys with their values, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _is_reference(key: str, value: Any) -> bool:
    """True for the name of a file or model that is not the model's own."""
    if key in _NAMES:
        return isinstance(value, str) and not _WORD.fullmatch(value)
    return (
        isinstance(value, (str, list))
        and bool(value)
        and key not in _ORIGINS | _FILES_OF_THE_MODEL
        and _REFERENCE.fullmatch(key) is not None
    )


def _is_all(value: Any, is_known: Callable[[str], object]) -> bool:
    """True if a value is empty, or known text, or a list or mapping of such."""
    if isinstance(value, dict):
        value = list(value.values())
    values = value if isinstance(value, list) else [value]
    return all(item is None or (isinstance(item, str) and is_known(item)) for item in values)

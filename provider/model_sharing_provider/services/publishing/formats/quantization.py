"""Quantization of Hugging Face models, from `quantization_config` in their config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from model_sharing_provider.services.publishing.formats.json_fields import count, text

# Methods that pack several weights into one number, so that counting numbers does not count weights.
_WHOLE_NUMBER_BITS = 8


class Quantization(NamedTuple):
    """Quantization such as `gptq-4bit`; empty for none. `keeps_count` if a number is still one weight."""

    name: str
    keeps_count: bool


def quantization_of(config: Mapping[str, Any]) -> Quantization:
    """Quantization that a config.json tells: its method, and the bits of a weight if it tells them."""
    fields = config.get("quantization_config")
    if not isinstance(fields, dict):
        return Quantization("", True)
    method = text(fields.get("quant_method")) or "unknown"
    bits = _bits(fields)
    name = f"{method}-{bits}bit" if bits else method
    return Quantization(name, keeps_count=bits == _WHOLE_NUMBER_BITS or method == "fp8")


def _bits(fields: Mapping[str, Any]) -> int | None:
    if fields.get("load_in_4bit") is True:
        return 4
    if fields.get("load_in_8bit") is True:
        return 8
    return count(fields.get("bits")) or count(fields.get("w_bit"))

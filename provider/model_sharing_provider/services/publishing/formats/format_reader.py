"""Interface of format readers: from a version's files to what is kept of them in its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from model_sharing_protocol.field_types import MAX_INT64
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelFormat, ModelSummary, TensorSpec
from model_sharing_provider.domain.limits import MAX_LICENSE, MAX_SUMMARY, shortened
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.publishing.formats.model_files import ModelFiles

_MAX_TEXT = 255
_MAX_NAMES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a version's files say. `signature`, `run_id` and `logged_model_id` are MLflow's."""

    summary: ModelSummary = NOTHING_KNOWN
    license: str = ""
    signature: dict[str, Any] | None = None
    run_id: str = ""
    logged_model_id: str = ""


FormatReader = Callable[[ModelFiles], Reading]
"""Reader of one format. Raises InvalidModel for files that lack what the format must have."""


def with_reading(version: ModelVersion, model_format: ModelFormat, found: Reading) -> ModelVersion:
    """Version with its format and with what its files say, within the limits of its row."""
    return replace(
        version,
        format=model_format,
        license=_limited(found.license, MAX_LICENSE),
        summary=_limited_summary(found.summary),
        signature=found.signature,
        run_id=version.run_id or found.run_id,
        logged_model_id=version.logged_model_id or found.logged_model_id,
    )


def _limited(text: str, limit: int = _MAX_TEXT) -> str:
    """Text that can be stored and sent anywhere, on one line."""
    storable = text.replace("\0", "").encode(errors="replace").decode()
    return shortened(" ".join(storable.split()), limit)


def _sendable(number: int | None) -> int | None:
    """Number; None for one over 63 bits, which a header that lies can claim, and which no recipient takes."""
    return number if number is not None and 0 <= number <= MAX_INT64 else None


def _limited_specs(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name=_limited(spec.name),
            dtype=_limited(spec.dtype),
            shape=tuple(_limited(size) if isinstance(size, str) else size for size in spec.shape),
        )
        for spec in specs[:_MAX_NAMES]
    )


def _limited_summary(summary: ModelSummary) -> ModelSummary:
    """Summary within its limits: without inputs and outputs if they are too long, at last an empty one."""
    limited = replace(
        summary,
        languages=tuple(_limited(language) for language in summary.languages[:_MAX_NAMES]),
        missing=tuple(_limited(name) for name in summary.missing[:_MAX_NAMES]),
        inputs=_limited_specs(summary.inputs),
        outputs=_limited_specs(summary.outputs),
        architecture=_limited(summary.architecture),
        dtype=_limited(summary.dtype),
        quantization=_limited(summary.quantization),
        library=_limited(summary.library),
        library_version=_limited(summary.library_version),
        base_model=_limited(summary.base_model),
        task=_limited(summary.task),
        parameters=_sendable(summary.parameters),
        context_length=_sendable(summary.context_length),
    )
    for candidate in (limited, replace(limited, inputs=(), outputs=())):
        if len(msgspec.json.encode(candidate)) <= MAX_SUMMARY:
            return candidate
    return NOTHING_KNOWN

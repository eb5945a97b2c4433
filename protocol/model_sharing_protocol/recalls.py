"""Recalls: a provider's word that a version must not be used any more."""

from __future__ import annotations

import msgspec

from model_sharing_protocol.errors import VersionRecalled
from model_sharing_protocol.field_types import EpochMs, VersionNumber


class Recall(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Recall of a version: its reason, its time in epoch ms, and the version that replaces it, if any."""

    reason: str
    at: EpochMs
    replacement: VersionNumber | None = None

    def __str__(self) -> str:
        return self.reason


def recalled_error(model: str, version: int, recall: Recall) -> VersionRecalled:
    """VersionRecalled for a use of this version of `model`, with the reason and what to use instead."""
    remedy = (
        f"use version {recall.replacement}, which replaces it"
        if recall.replacement is not None
        else "use another version, or ask the provider"
    )
    return VersionRecalled(f"Version {version} of '{model}' was recalled: {recall.reason} - {remedy}.")

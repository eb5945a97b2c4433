"""Texts of other providers, brought within the limits of this metastore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.model_formats import NOTHING_KNOWN, ModelFormat, ModelSummary, find_format
from model_sharing_protocol.names import check_alias
from model_sharing_protocol.recalls import Recall
from model_sharing_provider.domain.limits import (
    MAX_COMMENT,
    MAX_ID,
    MAX_LICENSE,
    MAX_SIGNATURE,
    MAX_SOURCE,
    MAX_SUMMARY,
    shortened,
)
from model_sharing_provider.domain.securables import MAX_ALIASES, MAX_TAGS
from model_sharing_provider.domain.upstreams import UpstreamModel, UpstreamVersion
from model_sharing_provider.services.registry.tags import check_tags

_NUL = "\0"


def limited_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without those that are not possible here."""
    kept: dict[str, str] = {}
    for key, value in tags.items():
        try:
            kept |= check_tags({key: value})
        except InvalidParameter:
            continue
    return dict(list(kept.items())[:MAX_TAGS])


def limited_aliases(model: UpstreamModel) -> dict[str, int]:
    """Aliases without those that are not possible here; of two that differ in case, the first."""
    kept: dict[str, tuple[str, int]] = {}
    for alias, version in model.aliases.items():
        try:
            kept.setdefault(check_alias(alias).lower(), (alias, version))
        except InvalidParameter:
            continue
    return dict(list(kept.values())[:MAX_ALIASES])


def limited_comment(comment: str) -> str:
    return shortened(_storable(comment), MAX_COMMENT)


def limited_recall(recall: Recall | None) -> Recall | None:
    return recall and Recall(limited_comment(recall.reason), recall.at, recall.replacement)


def limited_source(version: UpstreamVersion) -> str:
    return shortened(_storable(version.source), MAX_SOURCE)


def limited_run_id(version: UpstreamVersion) -> str:
    """Run of a version; empty for one that no registry can have made."""
    possible = len(version.run_id.encode(errors="replace")) <= MAX_ID and _NUL not in version.run_id
    return version.run_id if possible else ""


def limited_signature(version: UpstreamVersion) -> dict[str, Any] | None:
    """MLflow signature of a version; None for one that is larger than any model's."""
    return version.signature if len(msgspec.json.encode(version.signature)) <= MAX_SIGNATURE else None


def known_format(version: UpstreamVersion, manifest: Manifest) -> ModelFormat:
    """Format of a version as its provider says, or as its files show if the provider does not say it."""
    if version.format in set(ModelFormat):
        return ModelFormat(version.format)
    return find_format({file.path for file in manifest.files}) or ModelFormat.FILES


def limited_license(version: UpstreamVersion) -> str:
    return shortened(_storable(version.license), MAX_LICENSE)


def limited_summary(version: UpstreamVersion) -> ModelSummary:
    """Summary of a version; an empty one instead of one that is larger than any of ours."""
    size = len(msgspec.json.encode(version.summary))
    return version.summary if size <= MAX_SUMMARY else NOTHING_KNOWN


def _storable(text: str) -> str:
    """Text without the one character that not every database stores."""
    return text.replace(_NUL, "\ufffd")

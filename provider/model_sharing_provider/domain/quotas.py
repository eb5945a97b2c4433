"""Quotas: how much a metastore may share (OpenSharing's usual limits; an administrator can set others)."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.errors import ResourceExhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    shares: int = 1000
    recipients: int = 5000
    models_in_a_share: int = 1000
    schemas_in_a_share: int = 500


def check_quota(what: str, there_would_be: int, limit: int) -> None:
    """Raises ResourceExhausted if there would be more of something than its limit."""
    if there_would_be > limit:
        raise ResourceExhausted(f"There would be {there_would_be} {what}; at most {limit} are allowed here.")

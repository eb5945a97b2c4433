"""Quotas of a metastore (OpenSharing's usual limits; an administrator can set others)."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing_protocol.errors import ResourceExhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    shares: int = 1000
    recipients: int = 5000
    models_in_a_share: int = 1000
    schemas_in_a_share: int = 500


def check_quota(what: str, count: int, limit: int) -> None:
    """Check a new number of objects against its quota. Raises ResourceExhausted."""
    if count > limit:
        raise ResourceExhausted(f"This would make {count} {what}; at most {limit} are allowed.")

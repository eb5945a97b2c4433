"""Identities of other issuers: federation policies of recipients and principals."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables come with the services that use them."""

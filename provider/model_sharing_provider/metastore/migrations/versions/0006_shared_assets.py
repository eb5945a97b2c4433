"""Assets that are shared beside models: tables, volumes and skills."""

from __future__ import annotations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables come with the services that use them."""

"""Sha256 of a version's chunk maps, which its signature names, and of those that wait for their version.

Those of earlier versions are not signed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SHA256 = sa.String(64).with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("model_versions", sa.Column("chunk_maps", _SHA256, nullable=False, server_default=""))
    op.add_column("uploaded_files", sa.Column("chunk_map", _SHA256, nullable=False, server_default=""))

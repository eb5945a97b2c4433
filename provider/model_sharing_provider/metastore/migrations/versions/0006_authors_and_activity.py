"""Authors of securables and versions, who created and last changed each; inactive principals; skills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAME = sa.String(255).with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Authors before this migration are in the audit log alone, and empty here."""
    for table in ("catalogs", "schemas", "registered_models", "shares", "recipients", "providers"):
        op.add_column(table, sa.Column("created_by", _NAME, nullable=False, server_default=""))
        op.add_column(table, sa.Column("updated_by", _NAME, nullable=False, server_default=""))
    op.add_column("principals", sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("model_versions", sa.Column("updated_by", _NAME, nullable=False, server_default=""))
    op.add_column("share_objects", sa.Column("skill", sa.Text, nullable=False, server_default=""))

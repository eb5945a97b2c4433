"""an audit event may stand for many denials that repeat each other"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_log", sa.Column("count", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("audit_log", sa.Column("first_at", sa.BigInteger(), server_default="0", nullable=False))

"""indexes for listings that would otherwise read all there is, see tests/provider/test_query_plans.py"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_registered_models_owner", "registered_models", ["owner"])
    op.drop_index("ix_audit_log_at", table_name="audit_log")
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    seldom = sa.text("outcome <> 'OK'")
    op.create_index(
        "ix_audit_log_not_ok",
        "audit_log",
        ["outcome", "at", "id"],
        sqlite_where=seldom,
        postgresql_where=seldom,
    )

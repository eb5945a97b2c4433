"""the database knows the peppers that its tokens are hashed under, so that no server comes with others"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(64)
    op.create_table("token_peppers", sa.Column("check_hash", text, primary_key=True))

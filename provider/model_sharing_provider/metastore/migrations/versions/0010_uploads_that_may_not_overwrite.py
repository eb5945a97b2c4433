"""an upload in parts may be one that takes no other file's place"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "upload_sessions", sa.Column("overwrite", sa.Boolean(), server_default=sa.true(), nullable=False)
    )

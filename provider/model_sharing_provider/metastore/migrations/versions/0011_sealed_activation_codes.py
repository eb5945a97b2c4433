"""an activation link can be read again until it is used"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recipient_tokens", sa.Column("sealed_code", sa.Text(), server_default="", nullable=False))

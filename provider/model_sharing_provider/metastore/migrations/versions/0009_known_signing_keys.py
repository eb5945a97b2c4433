"""the database knows the keys that its models are signed with, so that no server signs with others"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(80)
    op.create_table("signing_keys", sa.Column("fingerprint", text, primary_key=True))

"""the metastore names its last change, so that what was read before can be known to hold still"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("metastores", sa.Column("last_change", sa.Text(), server_default="", nullable=False))

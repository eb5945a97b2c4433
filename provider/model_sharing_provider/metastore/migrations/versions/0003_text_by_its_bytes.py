"""on PostgreSQL, names are ordered by their bytes, as on SQLite, and may be as long as there"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    inspector = sa.inspect(connection)
    for table in inspector.get_table_names():
        for column in inspector.get_columns(table):
            if isinstance(column["type"], sa.VARCHAR) and table != "alembic_version":
                op.alter_column(table, column["name"], type_=sa.Text(collation="C"))

"""the registry: principals, uploads, lineage, providers"""

from __future__ import annotations

import time
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "metastores",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metastores")),
    )
    op.create_table(
        "providers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("sealed_profile", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_providers_name")),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.String(length=36), nullable=False),
        sa.Column("member_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["principals.id"], name=op.f("fk_group_members_group_id")),
        sa.ForeignKeyConstraint(["member_id"], ["principals.id"], name=op.f("fk_group_members_member_id")),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_group_members")),
    )
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_members_member_id"), ["member_id"], unique=False)

    op.create_table(
        "lineage",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_versions.id"], name=op.f("fk_lineage_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage")),
    )
    with op.batch_alter_table("lineage", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lineage_version_id"), ["version_id"], unique=False)

    op.create_table(
        "uploaded_files",
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("path", sa.String(length=1024), nullable=False),
        sa.Column("staged", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_uploaded_files_version_id")
        ),
        sa.PrimaryKeyConstraint("version_id", "path", name=op.f("pk_uploaded_files")),
    )
    op.create_table(
        "uploaded_parts",
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("staged", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["model_versions.id"], name=op.f("fk_uploaded_parts_version_id")
        ),
        sa.PrimaryKeyConstraint("session_id", "number", name=op.f("pk_uploaded_parts")),
    )
    with op.batch_alter_table("uploaded_parts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploaded_parts_version_id"), ["version_id"], unique=False)

    with op.batch_alter_table("access_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("comment", sa.Text(), server_default="", nullable=False))

    with op.batch_alter_table("catalogs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("properties", sa.Text(), server_default="{}", nullable=False))

    with op.batch_alter_table("model_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("updated_at", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("status_message", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column("logged_model_id", sa.String(length=255), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("create_request", sa.String(length=64), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("finalizing_at", sa.BigInteger(), nullable=True))
        batch_op.create_index("ix_model_versions_run_id", ["run_id"], unique=False)

    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ip_access_list", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("properties", sa.Text(), server_default="{}", nullable=False))

    with op.batch_alter_table("schemas", schema=None) as batch_op:
        batch_op.add_column(sa.Column("properties", sa.Text(), server_default="{}", nullable=False))
    now = int(time.time() * 1000)
    op.execute(
        sa.text("INSERT INTO metastores (id, name, created_at) VALUES (:id, 'metastore', :now)").bindparams(
            id=str(uuid4()), now=now
        )
    )
    op.execute(
        sa.text(
            "INSERT INTO principals (id, type, name, created_at) VALUES (:id, 'GROUP', 'account users', :now)"
        ).bindparams(id=str(uuid4()), now=now)
    )
    op.execute("UPDATE model_versions SET updated_at = created_at")

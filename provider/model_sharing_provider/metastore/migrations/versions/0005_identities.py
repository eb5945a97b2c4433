"""Identities of other issuers: federation policies of recipients and principals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "recipients",
        sa.Column("authentication_type", _text(32), nullable=False, server_default="TOKEN"),
    )
    op.create_table(
        "federation_policies",
        sa.Column("id", _text(36), primary_key=True),
        sa.Column("holder_id", _text(36), nullable=False),
        sa.Column("name", _text(255), nullable=False),
        sa.Column("issuer", _text(2048), nullable=False),
        sa.Column("subject_claim", _text(255), nullable=False),
        sa.Column("subject", _text(1024), nullable=False),
        sa.Column("audiences", sa.Text, nullable=False),
        sa.Column("groups_claim", _text(255), nullable=False, server_default=""),
        sa.Column("comment", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("holder_id", "name", name="uq_federation_policies_holder_id_name"),
    )
    op.create_index(
        "ix_federation_policies_issuer_subject_claim_subject",
        "federation_policies",
        ["issuer", "subject_claim", "subject"],
    )
    op.create_table(
        "federation_policy_groups",
        sa.Column("policy_id", _text(36), sa.ForeignKey("federation_policies.id"), primary_key=True),
        sa.Column("group_id", _text(36), sa.ForeignKey("principals.id"), primary_key=True),
    )
    op.create_index("ix_federation_policy_groups_group_id", "federation_policy_groups", ["group_id"])
    op.add_column("audit_log", sa.Column("token_groups", sa.Text))


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")

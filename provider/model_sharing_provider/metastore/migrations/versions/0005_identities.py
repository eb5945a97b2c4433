"""Identities of other issuers: federation policies of recipients and principals, and sessions under them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("recipients", "providers"):
        op.add_column(
            table, sa.Column("authentication_type", _text(32), nullable=False, server_default="TOKEN")
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
    _recreate_sessions()


def _recreate_sessions() -> None:
    """Make the token of a session optional; people sign in again, as they do each day."""
    op.drop_table("sessions")
    op.create_table(
        "sessions",
        sa.Column("session_hash", _text(64), primary_key=True),
        sa.Column("token_id", _text(36), sa.ForeignKey("access_tokens.id")),
        sa.Column("policy_id", _text(36), sa.ForeignKey("federation_policies.id")),
        sa.Column("group_ids", sa.Text, nullable=False, server_default="[]"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_sessions_token_id", "sessions", ["token_id"])
    op.create_index("ix_sessions_policy_id", "sessions", ["policy_id"])


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")

"""Tables of the federation policies of recipients and principals."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from model_sharing_provider.metastore.tables.columns import ID, NAME, id_column, metadata, text_type

federation_policies = Table(
    "federation_policies",
    metadata,
    id_column(),
    # The id of a recipient or principal.
    Column("holder_id", ID, nullable=False),
    Column("name", NAME, nullable=False),
    Column("issuer", text_type(2048), nullable=False),
    Column("subject_claim", NAME, nullable=False),
    Column("subject", text_type(1024), nullable=False),
    # JSON: texts.
    Column("audiences", Text, nullable=False),
    # The claim whose values are names of groups; empty for none.
    Column("groups_claim", NAME, nullable=False, server_default=""),
    Column("comment", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("holder_id", "name"),
    # By which the policies for a token are found.
    Index(None, "issuer", "subject_claim", "subject"),
)

# Groups that the tokens of a principal's policy may give: by their ids, since a later group of the same name
# is another one.
federation_policy_groups = Table(
    "federation_policy_groups",
    metadata,
    Column("policy_id", ID, ForeignKey("federation_policies.id"), primary_key=True),
    Column("group_id", ID, ForeignKey("principals.id"), primary_key=True, index=True),
)

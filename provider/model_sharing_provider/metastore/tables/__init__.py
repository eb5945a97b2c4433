"""Tables of the metastore. Ids are UUIDs as text, times epoch milliseconds; names are stored in lower case.

metastores (one row) · changes
providers ─< mirrors ─ catalogs (those made from a share) · mirror_checks
catalogs ─< schemas ─< registered_models ─< model_versions ─< uploaded_files, lineage
                            │      ├─< model_aliases        ├──< upload_sessions ─< uploaded_parts
                            │      └── mirrored_models       └──< pulled_parts
shares ─< share_objects (a model's or a schema's id, under the name recipients see)
   └────< grants >──── recipients ─< recipient_tokens
recipients, principals ─< federation_policies ─< federation_policy_groups (of principals), sessions
terms_texts ─< securable_terms (of a share or a model) · terms_acceptances (by recipients)
(any securable) ─< grants >──── principals ─< group_members, access_tokens ─< sessions
tags (of any securable) · jobs · recipient_usage, recipient_issues (by recipients)
audit_log · audit_spools · heartbeats
"""

from __future__ import annotations

from model_sharing_provider.metastore.tables.columns import metadata
from model_sharing_provider.metastore.tables.events import audit_log, changes
from model_sharing_provider.metastore.tables.identities import federation_policies, federation_policy_groups
from model_sharing_provider.metastore.tables.jobs import jobs
from model_sharing_provider.metastore.tables.mirrors import (
    mirror_checks,
    mirrored_models,
    mirrors,
    pulled_parts,
)
from model_sharing_provider.metastore.tables.principals import (
    access_tokens,
    grants,
    group_members,
    principals,
    sessions,
    signing_keys,
    token_peppers,
)
from model_sharing_provider.metastore.tables.recipient_usage import recipient_issues, recipient_usage
from model_sharing_provider.metastore.tables.registry import (
    catalogs,
    lineage,
    metastores,
    model_aliases,
    model_versions,
    registered_models,
    schemas,
    tags,
    upload_sessions,
    uploaded_files,
    uploaded_parts,
)
from model_sharing_provider.metastore.tables.replicas import audit_spools, heartbeats
from model_sharing_provider.metastore.tables.sharing import (
    providers,
    recipient_tokens,
    recipients,
    share_objects,
    shares,
)
from model_sharing_provider.metastore.tables.terms import securable_terms, terms_acceptances, terms_texts

__all__ = [
    "access_tokens",
    "audit_log",
    "audit_spools",
    "catalogs",
    "changes",
    "federation_policies",
    "federation_policy_groups",
    "grants",
    "group_members",
    "heartbeats",
    "jobs",
    "lineage",
    "metadata",
    "metastores",
    "mirror_checks",
    "mirrored_models",
    "mirrors",
    "model_aliases",
    "model_versions",
    "principals",
    "providers",
    "pulled_parts",
    "recipient_issues",
    "recipient_tokens",
    "recipient_usage",
    "recipients",
    "registered_models",
    "schemas",
    "securable_terms",
    "sessions",
    "share_objects",
    "shares",
    "signing_keys",
    "tags",
    "terms_acceptances",
    "terms_texts",
    "token_peppers",
    "upload_sessions",
    "uploaded_files",
    "uploaded_parts",
]

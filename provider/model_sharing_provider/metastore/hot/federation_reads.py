"""Reads of every call with a token of another issuer: which policies it may be for.

It is plain SQL: see `executor` for why.
"""

from __future__ import annotations

import json
from dataclasses import replace

from model_sharing_provider.domain.federation import PolicyHolder
from model_sharing_provider.domain.principals import Principal, PrincipalType
from model_sharing_provider.metastore.engine.database_engine import SqlRow, SqlRows
from model_sharing_provider.metastore.hot.read_cache import ReadCache
from model_sharing_provider.metastore.hot.registry_reads import GROUPS, GROUPS_OF_POLICY
from model_sharing_provider.metastore.rows.mapping import read_limits, read_principal

_SUBJECT_CLAIMS = "SELECT DISTINCT subject_claim FROM federation_policies WHERE issuer = :issuer"
_RECIPIENTS = """
SELECT f.id AS policy_id, f.audiences, f.created_at, r.id, r.name, r.ip_access_list,
    r.requests_per_minute, r.bytes_per_day, r.bytes_per_month
FROM federation_policies f JOIN recipients r ON r.id = f.holder_id
WHERE f.issuer = :issuer AND f.subject_claim = :claim AND f.subject = :subject
ORDER BY f.created_at, f.id LIMIT 100
"""
_PRINCIPALS = """
SELECT f.id AS policy_id, f.audiences, f.created_at, f.groups_claim, p.id, p.type, p.name
FROM federation_policies f JOIN principals p ON p.id = f.holder_id AND p.active
WHERE f.issuer = :issuer AND f.subject_claim = :claim AND f.subject = :subject
ORDER BY f.created_at, f.id LIMIT 100
"""


class FederationReads:
    """Look-ups of federation policies.

    An unknown issuer is not cached, since anybody can make one up; a subject without a policy is, since its
    token was verified.
    """

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache

    async def subject_claims(self, issuer: str) -> tuple[str, ...]:
        """Names of the claims that policies for an issuer look at; none for an unknown issuer."""

        def read(rows: SqlRows) -> tuple[str, ...] | None:
            found = rows.execute(_SUBJECT_CLAIMS, {"issuer": issuer})
            return tuple(sorted(row["subject_claim"] for row in found)) or None

        return await self._cache.get(("issuer", issuer), read) or ()

    async def recipients(self, issuer: str, claim: str, subject: str) -> tuple[PolicyHolder, ...]:
        """Recipients whose policies name a subject of an issuer, the oldest policy first."""

        def read(rows: SqlRows) -> tuple[PolicyHolder, ...]:
            values = {"issuer": issuer, "claim": claim, "subject": subject}
            return tuple(map(_recipient, rows.execute(_RECIPIENTS, values)))

        return await self._cache.get(("federated recipients", issuer, claim, subject), read)

    async def principals(self, issuer: str, claim: str, subject: str) -> tuple[PolicyHolder, ...]:
        """Active principals whose policies name a subject of an issuer, the oldest policy first."""

        def read(rows: SqlRows) -> tuple[PolicyHolder, ...]:
            values = {"issuer": issuer, "claim": claim, "subject": subject}
            found = list(rows.execute(_PRINCIPALS, values))
            return tuple(_principal(rows, row) for row in found)

        return await self._cache.get(("federated principals", issuer, claim, subject), read)


def _principal(rows: SqlRows, row: SqlRow) -> PolicyHolder:
    groups = tuple(map(read_principal, rows.execute(GROUPS, {"id": row["id"]})))
    principal = replace(read_principal(row), token_id=row["policy_id"], groups=groups)
    allowed = rows.execute(GROUPS_OF_POLICY, {"id": row["policy_id"]}) if row["groups_claim"] else ()
    return PolicyHolder(
        principal,
        tuple(json.loads(row["audiences"])),
        row["created_at"],
        groups_claim=row["groups_claim"],
        groups=tuple(map(read_principal, allowed)),
    )


def _recipient(row: SqlRow) -> PolicyHolder:
    principal = Principal(
        PrincipalType.RECIPIENT, row["id"], row["name"], row["policy_id"], limits=read_limits(row)
    )
    networks = tuple(json.loads(row["ip_access_list"]))
    return PolicyHolder(principal, tuple(json.loads(row["audiences"])), row["created_at"], networks)

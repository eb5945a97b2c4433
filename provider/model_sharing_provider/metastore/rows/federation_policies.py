"""Rows of federation policies."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, delete, insert, select

from model_sharing_provider.domain.federation import MAX_POLICIES, FederationPolicy
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import federation_policies


class FederationPolicyRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, policy: FederationPolicy) -> None:
        await self._connection.execute(
            insert(federation_policies).values(
                id=policy.id,
                holder_id=policy.holder_id,
                name=policy.name,
                issuer=policy.issuer,
                subject_claim=policy.subject_claim,
                subject=policy.subject,
                audiences=json.dumps(policy.audiences),
                comment=policy.comment,
                created_at=policy.created_at,
                updated_at=policy.updated_at,
            )
        )

    async def of_holder(self, holder_id: str) -> list[FederationPolicy]:
        """Policies of a recipient or principal, by name; their number is limited."""
        query = (
            select(federation_policies)
            .where(federation_policies.c.holder_id == holder_id)
            .order_by(federation_policies.c.name)
            .limit(MAX_POLICIES)
        )
        return [_policy(row) for row in await self._connection.execute(query)]

    async def twins(self, policy: FederationPolicy) -> list[FederationPolicy]:
        """Policies for the same subject of the same issuer, also those of other holders."""
        query = select(federation_policies).where(
            federation_policies.c.issuer == policy.issuer,
            federation_policies.c.subject_claim == policy.subject_claim,
            federation_policies.c.subject == policy.subject,
        )
        return [_policy(row) for row in await self._connection.execute(query)]

    async def delete(self, holder_id: str, name: str) -> bool:
        """Delete a policy; False if the holder has none of this name."""
        found = (federation_policies.c.holder_id == holder_id, federation_policies.c.name == name)
        result = await self._connection.execute(
            delete(federation_policies).where(*found).returning(federation_policies.c.id)
        )
        return result.first() is not None


def _policy(row: Row[Any]) -> FederationPolicy:
    return FederationPolicy(
        id=row.id,
        holder_id=row.holder_id,
        name=row.name,
        issuer=row.issuer,
        subject_claim=row.subject_claim,
        subject=row.subject,
        audiences=tuple(json.loads(row.audiences)),
        comment=row.comment,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

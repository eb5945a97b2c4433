"""Rows of federation policies."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, insert, literal, select, update

from model_sharing_provider.domain.federation import MAX_POLICIES, FederationPolicy
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.tables import (
    federation_policies,
    federation_policy_groups,
    principals,
    sessions,
)


class FederationPolicyRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, policy: FederationPolicy) -> None:
        """Add a policy, whose groups exist."""
        await self._connection.execute(
            insert(federation_policies).values(
                id=policy.id,
                holder_id=policy.holder_id,
                name=policy.name,
                issuer=policy.issuer,
                subject_claim=policy.subject_claim,
                subject=policy.subject,
                audiences=json.dumps(policy.audiences),
                groups_claim=policy.groups_claim,
                comment=policy.comment,
                created_at=policy.created_at,
                updated_at=policy.updated_at,
            )
        )
        groups = select(literal(policy.id), principals.c.id).where(principals.c.name.in_(policy.groups))
        columns = [federation_policy_groups.c.policy_id, federation_policy_groups.c.group_id]
        await self._connection.execute(insert(federation_policy_groups).from_select(columns, groups))

    async def of_holder(self, holder_id: str) -> list[FederationPolicy]:
        """Policies of a recipient or principal, by name; their number is limited."""
        query = (
            select(federation_policies)
            .where(federation_policies.c.holder_id == holder_id)
            .order_by(federation_policies.c.name)
            .limit(MAX_POLICIES)
        )
        return await self._read(query)

    async def twins(self, policy: FederationPolicy) -> list[FederationPolicy]:
        """Policies for the same subject of the same issuer, also those of other holders."""
        query = select(federation_policies).where(
            federation_policies.c.issuer == policy.issuer,
            federation_policies.c.subject_claim == policy.subject_claim,
            federation_policies.c.subject == policy.subject,
        )
        return await self._read(query)

    async def describe(self, policy_id: str, comment: str, now: int) -> None:
        """Replace the comment of a policy, and nothing of what it lets in."""
        await self._connection.execute(
            update(federation_policies)
            .where(federation_policies.c.id == policy_id)
            .values(comment=comment, updated_at=now)
        )

    async def delete(self, holder_id: str, name: str) -> bool:
        """Delete a policy with its sessions; False if the holder has none of this name."""
        found = (federation_policies.c.holder_id == holder_id, federation_policies.c.name == name)
        policy = select(federation_policies.c.id).where(*found)
        await self._connection.execute(
            delete(federation_policy_groups).where(federation_policy_groups.c.policy_id.in_(policy))
        )
        await self._connection.execute(delete(sessions).where(sessions.c.policy_id.in_(policy)))
        result = await self._connection.execute(
            delete(federation_policies).where(*found).returning(federation_policies.c.id)
        )
        return result.first() is not None

    async def _read(self, query: Select[Any]) -> list[FederationPolicy]:
        rows = (await self._connection.execute(query)).all()
        groups: dict[str, list[str]] = defaultdict(list)
        names = (
            select(federation_policy_groups.c.policy_id, principals.c.name)
            .join_from(federation_policy_groups, principals)
            .where(federation_policy_groups.c.policy_id.in_([row.id for row in rows]))
            .order_by(principals.c.name)
        )
        for row in await self._connection.execute(names):
            groups[row.policy_id].append(row.name)
        return [_policy(row, groups[row.id]) for row in rows]


def _policy(row: Row[Any], groups: Sequence[str]) -> FederationPolicy:
    return FederationPolicy(
        id=row.id,
        holder_id=row.holder_id,
        name=row.name,
        issuer=row.issuer,
        subject_claim=row.subject_claim,
        subject=row.subject,
        audiences=tuple(json.loads(row.audiences)),
        groups_claim=row.groups_claim,
        groups=tuple(groups),
        comment=row.comment,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

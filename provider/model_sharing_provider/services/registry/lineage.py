"""Lineage: origins and uses of versions, as reported by clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.limits import check_lineage
from model_sharing_provider.domain.lineage import LineageRecord
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.versions import find_version, version_target

UPSTREAM = "UPSTREAM"
DOWNSTREAM = "DOWNSTREAM"
_SHOWN = 1000


class Lineage:
    async def emit(
        self, context: Context, name: FullName, number: int, direction: str, payload: Mapping[str, Any]
    ) -> None:
        """Record lineage, as a reader of the version reports it. Raises NotFound, PermissionDenied."""
        async with context.change(
            AuditAction.EMIT_MODEL_VERSION_LINEAGE, version_target(name, number), model=name
        ) as operation:
            await operation.authorize(rules.READ_MODEL)
            version = await find_version(operation, name, number)
            await add_lineage(operation, version.id, direction, payload)

    async def of_version(self, context: Context, name: FullName, number: int) -> list[LineageRecord]:
        """Newest lineage of a version, at most a thousand records. Raises NotFound, PermissionDenied."""
        async with context.view(
            AuditAction.GET_MODEL_VERSION_LINEAGE, version_target(name, number)
        ) as operation:
            await operation.authorize(rules.READ_MODEL)
            version = await find_version(operation, name, number)
            return await operation.rows.lineage.of_version(version.id, _SHOWN)


async def add_lineage(
    operation: Operation, version_id: str, direction: str, payload: Mapping[str, Any]
) -> None:
    """Add a record in the transaction of its change. Raises InvalidParameter for one that is too long."""
    await operation.rows.lineage.add(
        version_id,
        LineageRecord(
            id=str(uuid4()),
            direction=direction,
            payload=check_lineage(payload),
            recorded_at=operation.now,
            recorded_by=operation.principal.name,
        ),
    )

"""Runs and experiments are MLflow's: who may reach the tracking server behind this one."""

from __future__ import annotations

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ANY_PRINCIPAL
from model_sharing_provider.services.context import Context


class Tracking:
    def __init__(self, uri: str) -> None:
        """`uri` is the tracking server's, without a trailing slash; empty if there is none."""
        self.uri = uri

    async def admit(self, context: Context, request_line: str) -> None:
        """Let every principal of the metastore through. Raises PermissionDenied."""
        target = Target(SecurableType.METASTORE, detail=request_line)
        async with context.view(AuditAction.FORWARD_TO_TRACKING, target) as operation:
            await operation.authorize(ANY_PRINCIPAL)

"""Access to the MLflow tracking server behind this one, which has the runs and experiments."""

from __future__ import annotations

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ANY_PRINCIPAL
from model_sharing_provider.services.context import Context


class Tracking:
    def __init__(self, uri: str) -> None:
        """`uri` is the tracking server's URL, without a trailing slash; empty without such a server."""
        self.uri = uri

    async def admit(self, context: Context, request_line: str) -> None:
        """Admit every principal of the metastore. Raises PermissionDenied."""
        target = Target(SecurableType.METASTORE, detail=request_line)
        async with context.view(AuditAction.FORWARD_TO_TRACKING, target) as operation:
            await operation.authorize(ANY_PRINCIPAL)

"""Every call of a service runs inside a context: one principal, one transaction, one audit event.

Authorization and transactions happen here alone, so that no call can go unauthorized or unaudited:

- `Context.change` commits what was done together with its audit event, or nothing;
- `Context.view` reads one consistent state, and records the event before anything is answered;
- whatever ends in an error leaves an event too, in a transaction of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace

from model_sharing_protocol.errors import PermissionDenied, SharingError
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import Caller, Principal
from model_sharing_provider.governance.decisions import decide
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.audit import AuditRecorder


class Operation:
    """One call in progress: its rows, and the one place that lets it go on."""

    def __init__(self, rows: UnitOfWork, principal: Principal, target: Target) -> None:
        self.rows = rows
        self.principal = principal
        self.target = target
        self.now = now_ms()
        self.authorized = False
        self.denied = ""

    def authorize(
        self, needed: Privilege, held: Collection[str] = (), *, hidden_as: SharingError | None = None
    ) -> None:
        """Go on if the principal, holding `held` on the object, may do what needs `needed`.

        Raises PermissionDenied with the reason, or `hidden_as` where existence must not leak.
        """
        decision = decide(self.principal, needed, held)
        if not decision.allowed:
            self.denied = decision.reason
            raise hidden_as or PermissionDenied(f"{decision.reason}; ask the metastore's administrator.")
        self.authorized = True

    def by_credential(self) -> None:
        """Go on because the secret that was presented is the permission: an activation link, a signed URL."""
        self.authorized = True

    def concerns(self, *, name: str = "", share: str = "", recipient: str = "") -> None:
        """Say in the audit event what and whom the call turned out to be about."""
        self.target = replace(
            self.target,
            name=name or self.target.name,
            share=share or self.target.share,
            recipient=recipient or self.target.recipient,
        )


class Context:
    """What a face hands to a service: who asks, and the means to do it."""

    def __init__(self, caller: Caller, database: Database, audit: AuditRecorder) -> None:
        self.caller = caller
        self._database = database
        self._audit = audit

    @asynccontextmanager
    async def change(self, action: str, target: Target) -> AsyncIterator[Operation]:
        """A transaction that writes; `action` and `target` are what its audit event says."""
        operation = None
        try:
            async with self._database.write() as rows:
                operation = Operation(rows, self.caller.principal, target)
                yield operation
                _insist_on_authorization(operation, action)
                await rows.audit_log.add([self._event(action, operation.target, Outcome.OK)])
        except Exception as error:
            await self._record_failure(action, target, operation, error)
            raise

    @asynccontextmanager
    async def view(self, action: str, target: Target) -> AsyncIterator[Operation]:
        """A transaction that only reads."""
        operation = None
        try:
            async with self._database.read() as rows:
                operation = Operation(rows, self.caller.principal, target)
                yield operation
                _insist_on_authorization(operation, action)
        except Exception as error:
            await self._record_failure(action, target, operation, error)
            raise
        await self._audit.record(self._event(action, operation.target, Outcome.OK))

    @asynccontextmanager
    async def identify(self) -> AsyncIterator[UnitOfWork]:
        """Rows to find out who asks, before there is a call to audit. What follows is audited."""
        async with self._database.read() as rows:
            yield rows

    async def refused(self, action: str, target: Target, reason: str) -> None:
        """Record a denial that came before any operation: a token that is none, a URL that was changed."""
        await self._audit.record(self._event(action, target, Outcome.DENIED, reason))

    async def _record_failure(
        self, action: str, target: Target, operation: Operation | None, error: Exception
    ) -> None:
        target = operation.target if operation else target
        if operation is not None and operation.denied:
            outcome, reason = Outcome.DENIED, operation.denied
        elif isinstance(error, SharingError):
            outcome, reason = Outcome.FAILED, error.message
        else:
            outcome, reason = Outcome.FAILED, type(error).__name__
        await self._audit.record(self._event(action, target, outcome, reason))

    def _event(self, action: str, target: Target, outcome: Outcome, reason: str = "") -> AuditEvent:
        return AuditEvent(now_ms(), self.caller, action, target, outcome, reason)


def _insist_on_authorization(operation: Operation, action: str) -> None:
    if not operation.authorized:
        raise RuntimeError(f"{action} reached its end without having been authorized")

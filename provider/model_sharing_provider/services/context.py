"""Every call of a service runs inside a context: one principal, one transaction, one audit event.

Authorization and transactions happen here alone, so that no call can go unauthorized or unaudited:

- `Context.change` commits what was done together with its audit event, or nothing;
- `Context.view` reads one consistent state, and records the event before anything is answered;
- whatever ends in an error leaves an event too, in a transaction of its own.

What frees space, or ends somebody's access, has a reserve to do so on a full disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace

from structlog.contextvars import bind_contextvars

from model_sharing_protocol.errors import (
    DiskFull,
    InvalidState,
    MetastoreUnavailable,
    NotFound,
    PermissionDenied,
    SharingError,
    TooManyRequests,
)
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.secrets import TOKEN_PREFIX
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.decisions import Decision, decide, decide_on_share
from model_sharing_provider.governance.rules import Rule
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.administration.audit import AuditRecorder
from model_sharing_provider.services.rate_limits import RateLimits

_DELETES = frozenset(
    {
        "collectGarbage",
        "compactMetastore",
        "deleteCatalog",
        "deleteFile",
        "deleteLineage",
        "deleteModel",
        "deleteModelVersion",
        "deletePrincipal",
        "deleteProvider",
        "deleteRecipient",
        "deleteSchema",
        "deleteShare",
        "failModelVersion",
        "forgetFileParts",
        "pruneAuditLog",
        "revokeRecipientToken",
        "revokeToken",
        "rotateRecipientToken",
        "updateShare",
        "updateSharePermissions",
    }
)
"""Calls that free space, or can end access: room is kept for them."""
_SECONDS_FOR_A_LAST_EVENT = 1.0


class Operation:
    """One call in progress: its rows, and the one place that lets it go on."""

    def __init__(self, rows: UnitOfWork, principal: Principal, target: Target) -> None:
        self.rows = rows
        self.principal = principal
        self.target = target
        self.now = now_ms()
        self.authorized = False
        self.denied = ""

    async def authorize(self, rule: Rule, target: Target | None = None) -> None:
        """Go on if the principal holds what `rule` asks for, on the call's securable or the `target`'s.

        Raises PermissionDenied naming the missing privilege, or NotFound for a securable that is missing.
        """
        about = target or self.target
        standings = []
        # Of an administrator, nothing is looked up: the decision is the same whatever it holds.
        if self.principal.type is not PrincipalType.ADMIN:
            standings = await self.rows.effective_privileges.of(self.principal, about.type, about.securable)
        decision = decide(self.principal, rule, standings)
        if decision.absent:
            raise absent(decision.absent, about.securable)
        self._follow(decision)

    def authorize_share(self, held: Collection[str], *, hidden_as: SharingError) -> None:
        """Go on if the recipient holds SELECT; otherwise `hidden_as` keeps the share's existence secret."""
        decision = decide_on_share(self.principal, held)
        if not decision.allowed:
            self.denied = decision.reason
            raise hidden_as
        self.authorized = True

    def _follow(self, decision: Decision) -> None:
        if not decision.allowed:
            self.denied = decision.reason
            raise PermissionDenied(f"{decision.reason}; ask its owner or the metastore's administrator.")
        self.authorized = True

    def acts_for(self, principal: Principal) -> None:
        """Go on as the principal that a signed URL was given to; the audit event says so."""
        self.principal = principal

    def by_credential(self) -> None:
        """Go on because the secret that was presented is the permission: an activation link, a signed URL."""
        self.authorized = True

    def concerns(self, *, name: str = "", share: str = "", recipient: str = "") -> None:
        """Say in the audit event what and whom the call turned out to be about; what is checked stays."""
        self.target = replace(
            self.target,
            detail=name or self.target.detail,
            share=share or self.target.share,
            recipient=recipient or self.target.recipient,
        )


class Context:
    """What a face hands to a service: who asks, and the means to do it."""

    def __init__(
        self, caller: Caller, database: Database, audit: AuditRecorder, rate_limits: RateLimits
    ) -> None:
        self.caller = caller
        self._database = database
        self._audit = audit
        self._rate_limits = rate_limits

    @asynccontextmanager
    async def change(self, action: str, target: Target) -> AsyncIterator[Operation]:
        """A transaction that writes; `action` and `target` are what its audit event says."""
        operation = None
        try:
            async with self._database.write(deletes=action in _DELETES) as rows:
                operation = Operation(rows, self.caller.principal, target)
                yield operation
                _insist_on_authorization(operation, action)
                event = self._event(action, operation.target, Outcome.OK, by=operation.principal)
                await rows.audit_log.add([event])
        except Exception as error:
            await self._record_failure(action, target, operation, error)
            raise
        self._audit.observe(event)

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
        event = self._event(action, operation.target, Outcome.OK, by=operation.principal)
        await self._audit.record(event, deletes=action in _DELETES)

    async def delete_events_before(self, moment: int) -> int:
        """Do what `pruneAuditLog` was authorized for, in many transactions; how many events there were."""
        return await self._database.delete_events_before(moment)

    def identify(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Rows to find out who asks, or to look on in a call that was authorized and audited before."""
        return self._database.read()

    def check_failures(self, action: str, target: Target, secret: str = "") -> None:
        """Raises TooManyRequests, before anything is looked up, where an address failed too often.

        Not for a `secret` that was good lately.
        """
        with self._counted(action, target, self.caller.principal):
            self._rate_limits.check_failures(self.caller, secret)

    @contextmanager
    def counting_failures(self, action: str, target: Target) -> Iterator[None]:
        """Look for what a secret opens, unless this address failed too often; one that opens nothing counts.

        Raises TooManyRequests.
        """
        self.check_failures(action, target)
        try:
            yield
        except (NotFound, PermissionDenied, InvalidState):
            self.count_failure()
            raise

    async def failed(self, action: str, target: Target, error: SharingError, secret: str = "") -> None:
        """Record that a token or a URL is none, or not any more, and count it against the address."""
        self.count_failure(secret)
        event = self._event(action, target, Outcome.DENIED, error.message)
        await self._audit.record_denial(event, type(error).__name__)

    def count_failure(self, secret: str = "") -> None:
        """Count it against the address that somebody had no right to come with what they came with."""
        self._rate_limits.failed(self.caller, secret)

    def check_calls(self, principal: Principal, target: Target, secret: str) -> None:
        """Raises TooManyRequests for somebody who may ask, and asks too often."""
        with self._counted("authenticate", target, principal):
            self._rate_limits.check_calls(self.caller, principal, secret)

    def check_file_requests(self, action: str, target: Target, token_id: str) -> None:
        """The same for the holder of a signed URL that was given out under a token."""
        with self._counted(action, target, self.caller.principal):
            self._rate_limits.check_file_requests(self.caller, token_id)

    async def refused(self, action: str, target: Target, reason: str) -> None:
        """Record a denial of somebody who is known, outside of any operation."""
        await self._audit.record(self._event(action, target, Outcome.DENIED, reason))

    @contextmanager
    def _counted(self, action: str, target: Target, by: Principal) -> Iterator[None]:
        """What comes too often costs no row of its own."""
        try:
            yield
        except TooManyRequests as error:
            event = self._event(action, target, Outcome.DENIED, error.message, by=by)
            self._audit.count_denial(event, type(error).__name__)
            raise

    async def _record_failure(
        self, action: str, target: Target, operation: Operation | None, error: Exception
    ) -> None:
        target = operation.target if operation else target
        by = operation.principal if operation else None
        if operation is not None and operation.denied:
            outcome, reason = Outcome.DENIED, operation.denied
        elif isinstance(error, SharingError):
            outcome, reason = Outcome.FAILED, error.message
        else:
            outcome, reason = Outcome.FAILED, type(error).__name__
        event = self._event(action, target, outcome, reason, by=by)
        stranger = event.caller.principal.type is PrincipalType.ANONYMOUS
        if outcome is Outcome.DENIED and stranger:
            recording = self._audit.record_denial(event, type(error).__name__)
        else:
            recording = self._audit.record(event, deletes=action in _DELETES)
        if not isinstance(error, MetastoreUnavailable):
            await recording
            return
        # The caller has waited long enough for the same database.
        with suppress(MetastoreUnavailable, DiskFull, TimeoutError):
            await asyncio.wait_for(recording, _SECONDS_FOR_A_LAST_EVENT)

    def _event(
        self,
        action: str,
        target: Target,
        outcome: Outcome,
        reason: str = "",
        *,
        by: Principal | None = None,
    ) -> AuditEvent:
        caller = replace(self.caller, principal=by) if by else self.caller
        event = AuditEvent(now_ms(), caller, action, target, outcome, reason)
        event = event if outcome is Outcome.OK else event.cut()
        _name_in_log(event.target)
        return event


def _name_in_log(target: Target) -> None:
    """Let the request's further lines say what it was about; what somebody took for a name may be a token."""
    named = {"share": target.share, "recipient": target.recipient}
    known = {key: name for key, name in named.items() if name and not name.lower().startswith(TOKEN_PREFIX)}
    bind_contextvars(**known)


def absent(kind: SecurableType, name: str) -> NotFound:
    """The error for a securable that is missing on the way to `name`, with what to do where we know."""
    depth = {SecurableType.CATALOG: 1, SecurableType.SCHEMA: 2}.get(kind)
    name = ".".join(name.split(".")[:depth])
    word = kind.lower()
    remedy = f"; create it with '{word} create {name}'" if depth else ""
    return NotFound(f"The {word} {name!r} does not exist{remedy}.")


def _insist_on_authorization(operation: Operation, action: str) -> None:
    if not operation.authorized:
        raise RuntimeError(f"{action} reached its end without having been authorized")

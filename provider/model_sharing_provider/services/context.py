"""Context of a service call: one principal, one transaction, one audit event.

Authorization and transactions happen here alone, so that no call can go unauthorized or unaudited:

- `Context.change` commits the change together with its audit event, or nothing;
- `Context.view` reads one consistent state, and commits the event before the call is answered;
- a call that ends in an error leaves an event, too, in a transaction of its own.

Actions that free space or end access can use a reserve of disk space when the disk is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from model_sharing_protocol.errors import (
    DiskFull,
    InvalidState,
    MetastoreUnavailable,
    NotFound,
    PermissionDenied,
    ReadOnlyCatalog,
    ReadOnlyReplica,
    SharingError,
    StaleReplica,
    TooManyRequests,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import DELETES, OF_PRINCIPALS, AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import Caller, Principal, PrincipalType
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.decisions import Decision, SecurablePrivileges, decide, decide_on_share
from model_sharing_provider.governance.rules import USE_CATALOG, WRITES_BELOW_CATALOGS, Rule
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.audit_recorder import AuditRecorder
from model_sharing_provider.services.log_context import name_in_log
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.recipient_budgets import LimitReached

_SECONDS_FOR_A_LAST_EVENT = 1.0
_REPEATABLE = (ReadOnlyReplica, StaleReplica, MetastoreUnavailable)
"""Errors that strangers can cause as often as they like, and a replica can record while it has them: repeated
ones are counted, as denials are, so that nobody fills its disk."""

_ErrorT = TypeVar("_ErrorT", bound=SharingError)


class Operation:
    """Call in progress: its rows, its authorization, and the content of its audit event.

    After `denied`, the event is a denial and not a failure.
    """

    def __init__(
        self,
        rows: UnitOfWork,
        principal: Principal,
        action: AuditAction,
        target: Target,
        *,
        changes: bool = False,
    ) -> None:
        self._changes = changes
        self.rows = rows
        self.principal = principal
        self.action = action
        self.target = target
        self.now = now_ms()
        self.authorized = False
        self.denial_reason = ""

    async def authorize(self, rule: Rule, target: Target | None = None) -> None:
        """Authorize the call if the principal holds what `rule` asks for, on its target or on `target`.

        Raises PermissionDenied naming the missing privilege, or NotFound for a securable that is missing.
        """
        about = target or self.target
        decision = await self._decide(rule, about)
        if rule in WRITES_BELOW_CATALOGS or (self._changes and self.action not in OF_PRINCIPALS):
            await self._refuse_below_shared_catalog(about)
        if decision.absent:
            raise absent(decision.absent, about.securable)
        if not decision.allowed:
            error = PermissionDenied(f"{decision.reason}; ask its owner or the metastore's administrator.")
            raise self.denied(decision.reason, error)
        self.authorized = True

    async def holds(self, rule: Rule, target: Target) -> bool:
        """True if the principal holds what `rule` asks for; the call is neither authorized nor denied."""
        return (await self._decide(rule, target)).allowed

    async def refusals(self, rules: Mapping[str, Rule], writing: Collection[str] = ()) -> dict[str, str]:
        """Reason why the principal may not do what each rule is for, on its target; empty where it may.

        `writing` are those that write, besides the ones whose rules tell. The call is neither authorized nor
        denied by it.
        """
        privileges = await self._privileges_on(self.target)
        by_share = await self._mirrored(self.target)
        found = {}
        for name, rule in rules.items():
            decision = decide(self.principal, rule, privileges)
            found[name] = "" if decision.allowed else decision.reason
            if decision.allowed and by_share and (rule in WRITES_BELOW_CATALOGS or name in writing):
                found[name] = by_share
        return found

    async def _decide(self, rule: Rule, about: Target) -> Decision:
        return decide(self.principal, rule, await self._privileges_on(about))

    async def _privileges_on(self, about: Target) -> list[SecurablePrivileges]:
        # Nothing is looked up for an administrator: the decision does not depend on grants.
        if self.principal.type is PrincipalType.ADMIN:
            return []
        return await self.rows.effective_privileges.list_for(self.principal, about.type, about.securable)

    async def _refuse_below_shared_catalog(self, about: Target) -> None:
        """Raise ReadOnlyCatalog for a schema or model that comes from a provider's share.

        Whoever may not even use the catalog is not told.
        """
        below = about.type in (SecurableType.SCHEMA, SecurableType.MODEL)
        reason = await self._mirrored(about) if below else ""
        if reason and await self.holds(USE_CATALOG, about):
            remedy = "ask them, or copy the model into a catalog of this metastore"
            raise self.denied(reason, ReadOnlyCatalog(f"{reason}; {remedy}."))

    async def _mirrored(self, about: Target) -> str:
        """Origin of a catalog, or of what is in one, that comes from a provider's share, in words."""
        if about.type not in (SecurableType.CATALOG, SecurableType.SCHEMA, SecurableType.MODEL):
            return ""
        catalog = about.securable.partition(".")[0]
        if self._changes:
            # By the connection that is there: the cache was invalidated by the last change of any row.
            mirror = await self.rows.mirrors.find_by_catalog(catalog)
        else:
            mirror = (await self.rows.registry_reads.mirrors()).get(catalog)
        return f"{about.securable} comes from {mirror.shown}" if mirror is not None else ""

    def authorize_share(self, held: Collection[str], *, hidden_as: SharingError) -> None:
        """Authorize a recipient that holds SELECT; others get `hidden_as`, which hides the share."""
        decision = decide_on_share(self.principal, held)
        if not decision.allowed:
            raise self.denied(decision.reason, hidden_as)
        self.authorized = True

    def denied(self, reason: str, error: _ErrorT) -> _ErrorT:
        """Denial for a reason, which the audit event gives; `error` is what the caller is to be told."""
        self.denial_reason = reason
        return error

    def act_as(self, principal: Principal) -> None:
        """Act as another principal, in the audit event too: the one that a signed URL was issued to."""
        self.principal = principal

    def authorized_by_credential(self) -> None:
        """Authorize the call by its secret: an activation link, a signed URL, or a token."""
        self.authorized = True

    def authorized_before(self) -> None:
        """Authorize a further transaction of a call that was authorized by its first one."""
        self.authorized = True

    def refine_action(self, action: AuditAction) -> None:
        """Replace the action of the audit event, once the call knows it more precisely."""
        self.action = action

    def refine_target(
        self, *, name: str = "", share: str = "", recipient: str = "", version_id: str = ""
    ) -> None:
        """Replace the target of the audit event, once the call knows it more precisely."""
        self.target = replace(
            self.target,
            detail=name or self.target.detail,
            share=share or self.target.share,
            recipient=recipient or self.target.recipient,
            version_id=version_id or self.target.version_id,
        )


class Context:
    """Context of a caller, which gives its calls transactions and audit events.

    `state_age` is the age in seconds of the shared catalog that a call read, if it read one; `event` is that
    of the last read that was allowed.
    """

    state_age: int | None = None
    event: AuditEvent | None = None

    def __init__(
        self, caller: Caller, database: Database, audit: AuditRecorder, rate_limits: RateLimits
    ) -> None:
        self.caller = caller
        self._database = database
        self._audit = audit
        self._rate_limits = rate_limits

    @asynccontextmanager
    async def change(
        self, action: AuditAction, target: Target, *, model: FullName | None = None
    ) -> AsyncIterator[Operation]:
        """Write transaction, committed with its audit event about `action` and `target`.

        With `model`, changes of other models go on meanwhile. It must then look the model up by this name
        itself, since it may have been renamed before, and write no other model's rows: see `Database.write`.
        """
        operation = None
        try:
            scope = None if model is None else str(model)
            async with self._database.write(model=scope, deletes=action in DELETES) as rows:
                operation = Operation(rows, self.caller.principal, action, target, changes=True)
                yield operation
                _require_authorization(operation)
                event = self._event_of(operation, Outcome.OK)
                rows.audit_log.record(event)
        except Exception as error:
            await self._record_failure(action, target, operation, error)
            raise
        self._audit.observe(event)

    @asynccontextmanager
    async def view(self, action: AuditAction, target: Target) -> AsyncIterator[Operation]:
        """Read transaction, followed by its audit event about `action` and `target`."""
        operation = None
        try:
            async with self._database.read() as rows:
                operation = Operation(rows, self.caller.principal, action, target)
                yield operation
                _require_authorization(operation)
        except Exception as error:
            await self._record_failure(action, target, operation, error)
            raise
        self.event = self._event_of(operation, Outcome.OK)
        await self._audit.record(self.event, deletes=action in DELETES)

    async def delete_events_before(self, moment: int) -> int:
        """Delete audit events in many transactions, once that is authorized; return their number."""
        return await self._database.delete_events_before(moment)

    async def refusals(
        self, target: Target, rules: Mapping[str, Rule], writing: Collection[str] = ()
    ) -> dict[str, str]:
        """Reason why the caller may not do what each rule is for, on the target; empty where it may.

        `writing` are those that write, which their rules do not tell. For what is shown to people before they
        try: there is no audit event.
        """
        async with self._database.read() as rows:
            # The action is that of no event.
            operation = Operation(rows, self.caller.principal, AuditAction.GET_EFFECTIVE_PERMISSIONS, target)
            return await operation.refusals(rules, writing)

    def read_unaudited(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Read transaction without an event: to authenticate, or within a call that is already audited."""
        return self._database.read()

    def write_unaudited(self, *, cached: bool = True) -> AbstractAsyncContextManager[UnitOfWork]:
        """Write transaction without an event, within a call that is already audited.

        For changes of no interest to an auditor, such as the renewal of a lease. `cached`: as in `write`.
        """
        return self._database.write(cached=cached)

    def check_failures(self, action: AuditAction, target: Target, secret: str = "") -> None:
        """Check the rate limit of failures, before anything is looked up.

        Raises TooManyRequests for an address that failed too often, unless `secret` was valid recently.
        """
        with self._counting_denials(action, target, self.caller.principal):
            self._rate_limits.check_failures(self.caller, secret)

    @contextmanager
    def counting_failures(self, action: AuditAction, target: Target) -> Iterator[None]:
        """Apply the rate limit of failures around the look-up of a secret; an invalid one is a failure.

        Raises TooManyRequests for an address that failed too often.
        """
        self.check_failures(action, target)
        try:
            yield
        except (NotFound, PermissionDenied, InvalidState):
            self.count_failure()
            raise

    def count_failure(self, secret: str = "") -> None:
        """Count a failure of the caller's address, which presented an invalid secret."""
        self._rate_limits.failed(self.caller, secret)

    def check_calls(self, principal: Principal, target: Target, secret: str) -> None:
        """Count a call, and check the principal's rate limit. Raises TooManyRequests."""
        with self._counting_denials(AuditAction.AUTHENTICATE, target, principal):
            self._rate_limits.check_calls(self.caller, principal, secret)

    def check_file_requests(self, action: AuditAction, target: Target, token_id: str) -> None:
        """Count a request by signed URL, and check its token's rate limit. Raises TooManyRequests."""
        with self._counting_denials(action, target, self.caller.principal):
            self._rate_limits.check_file_requests(self.caller, token_id)

    async def record_bad_secret(
        self, action: AuditAction, target: Target, error: SharingError, secret: str = ""
    ) -> None:
        """Record the denial of an invalid or expired token or URL, and count the failure."""
        self.count_failure(secret)
        event = self._event(action, target, Outcome.DENIED, error.message)
        await self._audit.record_denial(event, type(error).__name__)

    async def record_denial(self, action: AuditAction, target: Target, reason: str) -> None:
        """Record the denial of a known caller, outside of any operation."""
        await self._audit.record(self._event(action, target, Outcome.DENIED, reason))

    @contextmanager
    def _counting_denials(self, action: AuditAction, target: Target, by: Principal) -> Iterator[None]:
        """Count TooManyRequests as a denial, since excess requests must not cost a row each."""
        try:
            yield
        except TooManyRequests as error:
            event = self._event(action, target, Outcome.DENIED, error.message, by=by)
            self._audit.count_denial(event, type(error).__name__)
            raise

    async def _record_failure(
        self, action: AuditAction, target: Target, operation: Operation | None, error: Exception
    ) -> None:
        if isinstance(error, LimitReached):
            return  # `byte_budgets` records it: once in a period, and not for each refused call
        if operation is not None and operation.denial_reason:
            outcome, reason = Outcome.DENIED, operation.denial_reason
        elif isinstance(error, SharingError):
            outcome, reason = Outcome.FAILED, error.message
        else:
            outcome, reason = Outcome.FAILED, type(error).__name__
        if operation is None:
            event = self._event(action, target, outcome, reason)
        else:
            event = self._event_of(operation, outcome, reason)
        stranger = event.caller.principal.type is PrincipalType.ANONYMOUS
        recording: Coroutine[None, None, object]
        if stranger and (outcome is Outcome.DENIED or isinstance(error, _REPEATABLE)):
            recording = self._audit.record_denial(event, type(error).__name__)
        else:
            recording = self._audit.record(event, deletes=action in DELETES)
        if not isinstance(error, MetastoreUnavailable):
            await recording
            return
        # The caller has already waited long enough for the same database.
        with suppress(MetastoreUnavailable, DiskFull, TimeoutError):
            await asyncio.wait_for(recording, _SECONDS_FOR_A_LAST_EVENT)

    def _event_of(self, operation: Operation, outcome: Outcome, reason: str = "") -> AuditEvent:
        return self._event(operation.action, operation.target, outcome, reason, by=operation.principal)

    def _event(
        self,
        action: AuditAction,
        target: Target,
        outcome: Outcome,
        reason: str = "",
        *,
        by: Principal | None = None,
    ) -> AuditEvent:
        caller = replace(self.caller, principal=by) if by else self.caller
        event = AuditEvent(now_ms(), caller, action, target, outcome, reason)
        event = event if outcome is Outcome.OK else event.cut()
        name_in_log(event.target)
        return event


def absent(kind: SecurableType, name: str) -> NotFound:
    """NotFound for the first missing securable on the path to `name`, with a remedy if there is one."""
    depth = {SecurableType.CATALOG: 1, SecurableType.SCHEMA: 2}.get(kind)
    name = ".".join(name.split(".")[:depth])
    word = kind.lower()
    remedy = f"; create it with '{word} create {name}'" if depth else ""
    if kind is SecurableType.MODEL:
        remedy = f"; list its schema's models with 'model list {name.rpartition('.')[0]}'"
    if kind is SecurableType.PROVIDER:
        remedy = f"; create it with 'provider create {name} --profile FILE'"
    return NotFound(f"The {word} {name!r} does not exist{remedy}.")


def _require_authorization(operation: Operation) -> None:
    if not operation.authorized:
        raise RuntimeError(f"{operation.action} ended without authorization")

"""Repeated calls: a recipient's call that is made again, and decided as before while nothing has changed.

Recipients ask again and again what an alias stands for. Such a call is decided in full once (`deciding`).
After that, its answer may be given again (`repeat`) while everything that decided it is what it was:

- rows: who holds the token, its networks, the grant, the share, the alias, the version. Each change of any of
  them, in any process, leaves another change token. It is compared in the transaction that commits the
  call's audit event, so a call that is answered after a change was not decided before it, and there is no
  answer without its event;
- the files of secrets and signing keys, which are looked at for each call;
- the time: a token's end, and the half minute that a signature is issued for;
- the caller: its token and address, of which the key of a kept answer is made (`http.kept_answers`).

A call that is repeated counts against all limits, once. Here nothing is refused: a call that a limit might
refuse is decided in full, with the limits of now. Tokens of other issuers are not kept: what ends them is not
in rows. Nor is anything at a replica, which has no such calls: the age of its rows decides, too, and its
events go to a file, in which no change token can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model_sharing_protocol.dsse import SigningKey
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.principals import Caller, PrincipalType
from model_sharing_provider.keys.server_secrets import SecretsContent, ServerSecrets
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.noted_reads import NotedReads
from model_sharing_provider.services.audit_recorder import AuditRecorder
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.log_context import name_in_log
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.recipient_budgets import RecipientBudgets
from model_sharing_provider.services.sharing.signing import issued_during


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """Circumstances of a call besides its rows: files as they were parsed, and the time of signatures."""

    secrets: SecretsContent
    signing_key: SigningKey
    period: range

    def differ_from(self, other: _Circumstances) -> bool:
        same_files = self.secrets is other.secrets and self.signing_key is other.signing_key
        return not same_files or self.period != other.period


@dataclass(frozen=True, slots=True)
class DecidedCall:
    """Call that was allowed, with its event and what decided it; `until` is the token's end (epoch ms)."""

    event: AuditEvent
    change_token: str
    until: int
    circumstances: _Circumstances


@dataclass(frozen=True, slots=True)
class Deciding:
    """Call that is being decided in full."""

    circumstances: _Circumstances
    reads: NotedReads


class RepeatedCalls:
    def __init__(
        self,
        database: Database,
        audit: AuditRecorder,
        rate_limits: RateLimits,
        budgets: RecipientBudgets,
        *,
        secrets: ServerSecrets,
        keys: SigningKeys,
    ) -> None:
        self._database = database
        self._audit = audit
        self._rate_limits = rate_limits
        self._budgets = budgets
        self._secrets = secrets
        self._keys = keys

    @contextmanager
    def deciding(self) -> Iterator[Deciding]:
        """Note what decides a call within the block."""
        circumstances = self._circumstances()
        with self._database.noting_reads() as reads:
            yield Deciding(circumstances, reads)

    def decided(self, deciding: Deciding, context: Context) -> DecidedCall | None:
        """Call that was allowed, if it may be repeated: all its rows were hot reads between two changes.

        None for what is told with the age of a shared catalog's state, and for tokens of other issuers.
        """
        event, change_token = context.event, deciding.reads.change_token
        if event is None or not change_token or context.state_age is not None:
            return None
        holder = event.caller.principal
        until = holder.token_expires_at if holder.type is PrincipalType.RECIPIENT else None
        if until is None or self._circumstances().differ_from(deciding.circumstances):
            return None
        return DecidedCall(event, change_token, until, deciding.circumstances)

    async def repeat(self, caller: Caller, call: DecidedCall, token: str) -> bool:
        """Repeat a call with its token: true if it is allowed as before, and its event is committed.

        False if it has to be decided in full; then it is not counted yet. Raises DiskFull or
        MetastoreUnavailable for an event that cannot be committed.
        """
        known = self._database.newest_change_token == call.change_token
        if not known or call.until <= now_ms() or self._circumstances().differ_from(call.circumstances):
            return False
        principal = call.event.caller.principal
        if not self._rate_limits.try_call(caller, principal, token):
            return False
        take_back = self._budgets.try_spend_request(principal)
        if take_back is None:
            self._rate_limits.call_not_made(principal)
            return False
        by = Caller(principal, caller.face, caller.address, caller.request_id)
        event = AuditEvent(now_ms(), by, call.event.action, call.event.target, call.event.outcome)
        if not await self._audit.record(event, under=call.change_token):
            take_back()
            self._rate_limits.call_not_made(principal)
            return False
        self._rate_limits.call_allowed(token)
        name_in_log(event.target)
        return True

    def _circumstances(self) -> _Circumstances:
        return _Circumstances(self._secrets.content, self._keys.current, issued_during())

"""Recipients and their tokens (Databricks' semantics: create, activate once, rotate with an overlap)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from cryptography.fernet import InvalidToken

from model_sharing_protocol.errors import (
    InvalidParameter,
    InvalidState,
    NotFound,
)
from model_sharing_protocol.names import normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment, check_properties
from model_sharing_provider.domain.principals import Principal
from model_sharing_provider.domain.quotas import Quotas, check_quota
from model_sharing_provider.domain.recipient_limits import RecipientLimits, RecipientUsage, check_limits
from model_sharing_provider.domain.secrets import new_activation_code
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import (
    AuthenticationType,
    LastCall,
    Recipient,
    RecipientOverview,
    RecipientToken,
    ShareGrant,
)
from model_sharing_provider.governance import rules
from model_sharing_provider.governance.addresses import ANY_ADDRESS, check_networks
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.authorization.visibility import Viewer
from model_sharing_provider.metastore.rows.audit_log import NEWEST_EVENTS, RECENT_EVENTS
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.recipient_budgets import RecipientBudgets
from model_sharing_provider.services.registry.principals import check_owner
from model_sharing_provider.services.registry.updates import (
    SecurableUpdate,
    apply_update,
    check_new,
    new_name,
    with_properties,
)
from model_sharing_provider.services.sharing.recipient_sign_in import RecipientSignIn

DEFAULT_LIFETIME = timedelta(days=90)
MAX_LIFETIME = timedelta(days=365)
MAX_LIVE_TOKENS = 2
AMONG_ALL, AMONG_RECENT = NEWEST_EVENTS, RECENT_EVENTS
"""Newest events of the audit log among which the last call of a recipient is looked for."""
SHARES_OFFERED = 50


@dataclass(frozen=True, slots=True)
class _Described:
    """Description of a new recipient."""

    name: str
    comment: str
    ip_access_list: Sequence[str]
    properties: Mapping[str, str] | None
    owner: str | None


class Recipients:
    def __init__(
        self, secrets: ServerSecrets, quotas: Quotas, sign_in: RecipientSignIn, budgets: RecipientBudgets
    ) -> None:
        self._secrets = secrets
        self._quotas = quotas
        self._sign_in = sign_in
        self._budgets = budgets

    async def create(
        self,
        context: Context,
        name: str,
        *,
        lifetime: timedelta = DEFAULT_LIFETIME,
        comment: str = "",
        ip_access_list: Sequence[str] = ANY_ADDRESS,
        properties: Mapping[str, str] | None = None,
        owner: str | None = None,
    ) -> tuple[Recipient, str]:
        """Create a recipient; return it with the code of its activation link.

        Raises InvalidParameter, AlreadyExists, PermissionDenied.
        """
        given = _Described(name, comment, ip_access_list, properties, owner)
        async with self._creating(context, given, AuthenticationType.TOKEN) as (operation, recipient):
            code = await self._add_token(operation, recipient.id, lifetime)
            return await find_recipient(operation, recipient.name), code

    async def create_federated(
        self,
        context: Context,
        name: str,
        *,
        comment: str = "",
        ip_access_list: Sequence[str] = ANY_ADDRESS,
        properties: Mapping[str, str] | None = None,
        owner: str | None = None,
    ) -> Recipient:
        """Create a recipient that signs in by tokens of other issuers, once it has a federation policy.

        Raises InvalidParameter, AlreadyExists, PermissionDenied.
        """
        given = _Described(name, comment, ip_access_list, properties, owner)
        async with self._creating(context, given, AuthenticationType.OIDC_FEDERATION) as (_, recipient):
            return recipient

    @asynccontextmanager
    async def _creating(
        self, context: Context, given: _Described, authentication_type: AuthenticationType
    ) -> AsyncIterator[tuple[Operation, Recipient]]:
        name = normalize_name("recipient", given.name)
        networks = check_networks(given.ip_access_list)
        async with context.change(AuditAction.CREATE_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.CREATE_RECIPIENT)
            await check_new("recipient", name, operation.rows.recipients.find)
            there = await operation.rows.recipients.count()
            check_quota("recipients", there + 1, self._quotas.recipients)
            recipient = Recipient(
                id=str(uuid4()),
                name=name,
                comment=check_comment(given.comment),
                ip_access_list=networks,
                properties=check_properties(given.properties or {}),
                authentication_type=authentication_type,
                owner=await check_owner(operation, given.owner or operation.principal.name),
                created_at=operation.now,
                updated_at=operation.now,
                created_by=operation.principal.name,
                updated_by=operation.principal.name,
            )
            await operation.rows.recipients.add(recipient)
            yield operation, recipient

    async def page(self, context: Context, page: PageRequest) -> Page[Recipient]:
        async with context.view(AuditAction.LIST_RECIPIENTS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            return await operation.rows.recipients.page(page, Viewer.of(operation.principal))

    async def overview(
        self, context: Context, page: PageRequest, *, among: int = AMONG_ALL
    ) -> Page[RecipientOverview]:
        """Page of recipients with their shares, each with its last successful call.

        That is looked for among so many of the newest events; one before them is known if it was a pull.
        """
        async with context.view(AuditAction.LIST_RECIPIENTS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(rules.ANY_PRINCIPAL)
            found = await operation.rows.recipients.page(page, Viewer.of(operation.principal))
            grants = await operation.rows.share_grants.of_recipients(*(each.id for each in found.items))
            calls = await _last_calls(operation, [each.name for each in found.items], among)
            return Page([_overview(each, grants, calls) for each in found.items], found.last_key)

    async def get(self, context: Context, name: str) -> tuple[Recipient, list[ShareGrant]]:
        """Recipient with its grants. Raises NotFound."""
        name = normalize_name("recipient", name)
        async with context.view(AuditAction.GET_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            return recipient, await operation.rows.share_grants.of_recipients(recipient.id)

    async def overview_of(self, context: Context, name: str) -> RecipientOverview:
        """Recipient with its shares and its last call. Raises NotFound, PermissionDenied."""
        name = normalize_name("recipient", name)
        async with context.view(AuditAction.GET_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            grants = await operation.rows.share_grants.of_recipients(recipient.id)
            return _overview(recipient, grants, await _last_calls(operation, [name], AMONG_RECENT))

    async def usage(self, context: Context, name: str) -> RecipientUsage:
        """Limits in effect for a recipient, and what it has used of them. Raises NotFound."""
        name = normalize_name("recipient", name)
        async with context.view(AuditAction.GET_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            used = await self._budgets.used(recipient.id)
            return RecipientUsage(recipient.limits.over(self._budgets.defaults), used)

    def activation_code(self, recipient: Recipient) -> str | None:
        """Code of the newest token's activation link while it can be used, for callers that may `get` it."""
        newest = recipient.tokens[-1] if recipient.tokens else None
        if newest is None or not newest.sealed_code or newest.expires_at <= now_ms():
            return None
        with suppress(InvalidToken):
            return self._secrets.unseal(newest.sealed_code)
        # Sealed under a deleted pepper, without which the link cannot be found either.
        return None

    async def update(
        self,
        context: Context,
        name: str,
        changes: SecurableUpdate,
        ip_access_list: Sequence[str] | None = None,
        limits: Callable[[RecipientLimits], RecipientLimits] | None = None,
    ) -> Recipient:
        """Rename, describe, give to another owner, or change the IP access list or the limits.

        Only administrators change limits: they are what a recipient may cost, whoever owns it.
        Raises NotFound, AlreadyExists, InvalidParameter, PermissionDenied.
        """
        name = normalize_name("recipient", name)
        networks = None if ip_access_list is None else check_networks(ip_access_list)
        async with context.change(AuditAction.UPDATE_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.ADMINISTRATORS if limits else rules.OWN_RECIPIENT)
            found = await find_recipient(operation, name)
            limited = check_limits(limits(found.limits)) if limits else found.limits
            called = await new_name("recipient", name, changes, operation.rows.recipients.find)
            described = with_properties(await apply_update(operation, found, changes), changes)
            networks = found.ip_access_list if networks is None else networks
            updated = replace(described, name=called, ip_access_list=networks, limits=limited)
            await operation.rows.recipients.update(updated)
            return updated

    async def delete(self, context: Context, name: str) -> None:
        """Delete a recipient; its tokens, grants and outstanding URLs end immediately. Raises NotFound."""
        name = normalize_name("recipient", name)
        async with context.change(AuditAction.DELETE_RECIPIENT, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            await operation.rows.recipients.delete((await find_recipient(operation, name)).id)

    async def rotate_token(
        self,
        context: Context,
        name: str,
        *,
        existing_expires_in: timedelta,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> str:
        """Rotate the token: return the code of a new activation link.

        Existing tokens expire after `existing_expires_in`, or earlier. The new link replaces an unused one.
        Raises NotFound, InvalidParameter for a negative time, InvalidState while two tokens are active, and
        for a recipient that has none.
        """
        name = normalize_name("recipient", name)
        if existing_expires_in < timedelta(0):
            raise InvalidParameter("The time until the existing token expires is negative; 0 ends it now.")
        async with context.change(AuditAction.ROTATE_RECIPIENT_TOKEN, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            _check_has_tokens(recipient)
            ends = operation.now + _milliseconds(existing_expires_in)
            live = [
                token
                for token in recipient.tokens
                if token.activated_at is not None and min(token.expires_at, ends) > operation.now
            ]
            if len(live) >= MAX_LIVE_TOKENS:
                raise InvalidState(
                    f"The recipient {name!r} already has two active tokens; "
                    "wait until one expires, end one ('recipient token revoke'), or rotate with "
                    "--existing-expires-in 0."
                )
            await operation.rows.recipients.delete_pending_tokens(recipient.id)
            await operation.rows.recipients.shorten_tokens(recipient.id, ends)
            return await self._add_token(operation, recipient.id, lifetime)

    async def revoke_token(self, context: Context, name: str, token_id: str) -> None:
        """Revoke a token, with the URLs signed under it, or an unused link. Raises NotFound."""
        name = normalize_name("recipient", name)
        async with context.change(AuditAction.REVOKE_RECIPIENT_TOKEN, _target(name)) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            recipient = await find_recipient(operation, name)
            if not await operation.rows.recipients.delete_token(recipient.id, token_id):
                raise NotFound(f"The recipient {name!r} has no token {token_id!r}.")

    async def authenticate(self, context: Context, token: str) -> Principal:
        """Authenticate a bearer token. Raises Unauthenticated or TokenExpired, after auditing the denial.

        Raises TooManyRequests for an address or a recipient over its limit.
        """
        return await self._sign_in.authenticate(context, token)

    async def _add_token(self, operation: Operation, recipient_id: str, lifetime: timedelta) -> str:
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            raise InvalidParameter(
                f"The lifetime of a token must be positive and at most {MAX_LIFETIME.days} days."
            )
        code = new_activation_code()
        token = RecipientToken(
            id=str(uuid4()),
            activated_at=None,
            expires_at=operation.now + _milliseconds(lifetime),
            created_at=operation.now,
            sealed_code=self._secrets.seal(code),
        )
        await operation.rows.recipients.add_token(recipient_id, token, self._secrets.hash(code))
        return code


async def find_recipient(operation: Operation, name: str) -> Recipient:
    """Find a recipient. Raises NotFound."""
    recipient = await operation.rows.recipients.find(name)
    if recipient is None:
        raise NotFound(f"The recipient {name!r} does not exist; list all with 'recipient list'.")
    return recipient


def _check_has_tokens(recipient: Recipient) -> None:
    """Raise InvalidState for a recipient that signs in by tokens of other issuers."""
    if recipient.authentication_type is not AuthenticationType.TOKEN:
        raise InvalidState(
            f"The recipient {recipient.name!r} signs in by tokens of other issuers "
            f"({recipient.authentication_type}) and has none of this server; "
            "change its federation policies instead."
        )


async def _last_calls(operation: Operation, names: Sequence[str], among: int) -> dict[str, LastCall]:
    recent = await operation.rows.audit_log.last_calls(names, among=among)
    older = [name for name in names if name not in recent]
    return recent | await operation.rows.pull_history.last_calls(older)


def _overview(
    recipient: Recipient, grants: Sequence[ShareGrant], calls: Mapping[str, LastCall]
) -> RecipientOverview:
    last = calls.get(recipient.name)
    return RecipientOverview(
        recipient=recipient,
        shares=tuple(grant.share for grant in grants if grant.recipient == recipient.name),
        last_call=last if last and last.at >= recipient.created_at else None,  # else of a deleted namesake
    )


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _target(name: str) -> Target:
    return Target(SecurableType.RECIPIENT, name, recipient=name)

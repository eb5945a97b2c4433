"""Principals of the metastore: users, service principals, groups, and their access tokens.

Groups contain users and service principals, not other groups. All of them are in `account users`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from model_sharing_protocol.characters import find_unseen
from model_sharing_protocol.errors import (
    AlreadyExists,
    InvalidParameter,
    InvalidState,
    NotFound,
    TokenExpired,
    Unauthenticated,
)
from model_sharing_protocol.names import MAX_NAME_LENGTH
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.times import iso, now_ms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.limits import check_comment
from model_sharing_provider.domain.principals import (
    ALL_USERS,
    AccessToken,
    Principal,
    PrincipalInfo,
    PrincipalType,
)
from model_sharing_provider.domain.secrets import new_token, well_formed
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.governance.rules import ADMINISTRATORS, ANY_PRINCIPAL
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.metastore.unit_of_work import UnitOfWork
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.federated_sign_in import FederatedSignIn, is_identity_token

if TYPE_CHECKING:
    from model_sharing_provider.domain.federation import IdentityClaims, PolicyHolder

MAX_TOKEN_LIFETIME = timedelta(days=730)
_CREATED = (
    PrincipalType.USER,
    PrincipalType.SERVICE_PRINCIPAL,
    PrincipalType.GROUP,
    PrincipalType.ADMIN,
)


class Principals:
    def __init__(self, secrets: ServerSecrets, federation: FederatedSignIn) -> None:
        self._secrets = secrets
        self._federation = federation

    async def authenticate(self, context: Context, token: str) -> Principal:
        """Authenticate an access token, or one of another issuer under a federation policy.

        Raises Unauthenticated and TokenExpired after auditing them, TooManyRequests, IssuerUnavailable.
        """
        target = Target(SecurableType.METASTORE)
        context.check_failures(AuditAction.AUTHENTICATE, target, token)
        try:
            principal = await self._find(context, token)
        except Unauthenticated as error:
            await context.record_bad_secret(AuditAction.AUTHENTICATE, target, error, token)
            raise
        context.check_calls(principal, target, token)
        return principal

    async def find_by_claims(self, context: Context, claims: IdentityClaims) -> Principal:
        """Principal whose federation policy verified claims meet. Raises Unauthenticated."""
        return (await self._federation.holder_of(context, claims, _federated)).principal

    async def _find(self, context: Context, token: str) -> Principal:
        if is_identity_token(token):
            holder, claims = await self._federation.find_holder(context, token, _federated)
            if claims.expires_at <= now_ms():
                raise TokenExpired(f"The token expired at {iso(claims.expires_at)}; get a new one.")
            return replace(holder.principal, token_expires_at=claims.expires_at)
        if well_formed(token):
            async with context.read_unaudited() as rows:
                for token_hash in self._secrets.hashes(token):
                    if principal := await rows.registry_reads.find_by_token(token_hash, now_ms()):
                        return principal
        raise Unauthenticated(
            "The bearer token is missing, has expired, or is not one of this server's access tokens; "
            "the administrator's is in admin.token in the provider's home."
        )

    async def create(self, context: Context, name: str, kind: PrincipalType) -> PrincipalInfo:
        """Create a user, service principal, group or administrator. Raises AlreadyExists."""
        check_principal_name(name)
        if kind not in _CREATED:
            raise InvalidParameter(f"A {kind.lower()} cannot be created here.")
        async with context.change(AuditAction.CREATE_PRINCIPAL, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            if await operation.rows.principals.find(name):
                raise AlreadyExists(f"The principal {name!r} exists already.")
            await operation.rows.principals.add(Principal(kind, str(uuid4()), name), operation.now)
            return await find_principal(operation, name)

    async def page(self, context: Context, page: PageRequest) -> Page[PrincipalInfo]:
        async with context.view(AuditAction.LIST_PRINCIPALS, Target(SecurableType.METASTORE)) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await operation.rows.principals.page(page)

    async def get(self, context: Context, name: str) -> PrincipalInfo:
        """Raises NotFound."""
        async with context.view(AuditAction.GET_PRINCIPAL, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            return await find_principal(operation, name)

    async def who_am_i(self, context: Context) -> Principal:
        """Principal of the caller, with its groups."""
        async with context.view(
            AuditAction.GET_CURRENT_USER, _target(context.caller.principal.name)
        ) as operation:
            await operation.authorize(ANY_PRINCIPAL)
            return operation.principal

    async def delete(self, context: Context, name: str) -> None:
        """Delete a principal; its tokens and grants end immediately. Raises NotFound, InvalidState.

        A principal that owns something cannot be deleted: the next one with its name would own it.
        """
        async with context.change(AuditAction.DELETE_PRINCIPAL, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            principal = (await find_principal(operation, name)).principal
            if principal.id == operation.principal.id or name == ALL_USERS:
                raise InvalidState(f"The principal {name!r} cannot be deleted: it is yourself, or all users.")
            if owned := await operation.rows.effective_privileges.owns_something(name):
                raise InvalidState(f"The principal {name!r} owns {owned}; give them another owner first.")
            await operation.rows.principals.delete(principal.id)

    async def add_member(self, context: Context, group: str, member: str) -> None:
        """Add a user or service principal to a group. Raises NotFound, InvalidState, AlreadyExists."""
        async with context.change(AuditAction.ADD_PRINCIPAL_TO_GROUP, _target(group)) as operation:
            await operation.authorize(ADMINISTRATORS)
            found, joins = await _group_and_member(operation, group, member)
            if member in found.members:
                raise AlreadyExists(f"{member!r} is in the group {group!r} already.")
            await operation.rows.principals.add_member(found.principal.id, joins.id)

    async def remove_member(self, context: Context, group: str, member: str) -> None:
        """Remove a member from a group. Raises NotFound, also for a principal that is not in the group."""
        async with context.change(AuditAction.REMOVE_PRINCIPAL_FROM_GROUP, _target(group)) as operation:
            await operation.authorize(ADMINISTRATORS)
            found, leaves = await _group_and_member(operation, group, member)
            if not await operation.rows.principals.remove_member(found.principal.id, leaves.id):
                raise NotFound(f"{member!r} is not in the group {group!r}.")

    async def create_token(
        self, context: Context, name: str, *, lifetime: timedelta | None = None, comment: str = ""
    ) -> tuple[AccessToken, str]:
        """Create an access token; return it with its secret, which is never shown again.

        With `lifetime` None it never expires. Raises NotFound, InvalidParameter, InvalidState.
        """
        check_token_lifetime(lifetime)
        check_comment(comment)
        async with context.change(AuditAction.CREATE_ACCESS_TOKEN, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            principal = (await find_principal(operation, name)).principal
            if principal.type is PrincipalType.GROUP:
                raise InvalidState(f"{name!r} is a group; create tokens for its members.")
            secret = new_token()
            expires_at = operation.now + lifetime // timedelta(milliseconds=1) if lifetime else None
            token = AccessToken(
                id=str(uuid4()), comment=comment, expires_at=expires_at, created_at=operation.now
            )
            await operation.rows.principals.add_token(token, principal.id, self._secrets.hash(secret))
            return token, secret

    async def delete_token(self, context: Context, name: str, token_id: str) -> None:
        """Delete a token, which ends the URLs signed under it. Raises NotFound."""
        async with context.change(AuditAction.REVOKE_ACCESS_TOKEN, _target(name)) as operation:
            await operation.authorize(ADMINISTRATORS)
            principal = (await find_principal(operation, name)).principal
            if not await operation.rows.principals.delete_token(principal.id, token_id):
                raise NotFound(f"The principal {name!r} has no token {token_id!r}.")


async def _federated(rows: UnitOfWork, issuer: str, claim: str, subject: str) -> tuple[PolicyHolder, ...]:
    return await rows.federation_reads.principals(issuer, claim, subject)


def check_token_lifetime(lifetime: timedelta | None) -> None:
    """Check the lifetime of an access token, None for no end. Raises InvalidParameter."""
    if lifetime is not None and not timedelta(0) < lifetime <= MAX_TOKEN_LIFETIME:
        raise InvalidParameter(
            f"A token's lifetime must be positive and at most {MAX_TOKEN_LIFETIME.days} days."
        )


def check_principal_name(name: str) -> str:
    """Check a principal's name, such as an e-mail address, and return it. Raises InvalidParameter."""
    printable = find_unseen(name) is None
    if not name.strip() or name != name.strip() or len(name) > MAX_NAME_LENGTH or not printable:
        raise InvalidParameter(
            f"{name!r} cannot be a principal's name; give 1 to {MAX_NAME_LENGTH} printable characters."
        )
    return name


async def find_principal(operation: Operation, name: str) -> PrincipalInfo:
    """Find a principal. Raises NotFound."""
    found = await operation.rows.principals.find(name)
    if found is None:
        raise NotFound(f"The principal {name!r} does not exist; list all with 'principal list'.")
    return found


async def check_owner(operation: Operation, name: str) -> str:
    """Check that an owner exists, and return its name. Raises NotFound."""
    return (await find_principal(operation, name)).principal.name


async def _group_and_member(operation: Operation, group: str, member: str) -> tuple[PrincipalInfo, Principal]:
    found = await find_principal(operation, group)
    if found.principal.type is not PrincipalType.GROUP or group == ALL_USERS:
        raise InvalidState(f"{group!r} is not a group whose members can be changed.")
    joins = (await find_principal(operation, member)).principal
    if joins.type is PrincipalType.GROUP:
        raise InvalidState(f"{member!r} is a group; groups can contain only users and service principals.")
    return found, joins


def _target(name: str) -> Target:
    return Target(SecurableType.PRINCIPAL, name)

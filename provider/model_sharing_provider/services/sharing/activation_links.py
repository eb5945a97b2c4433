"""Activation links: a recipient exchanges the code of one for its profile, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from model_sharing_protocol.errors import ActivationLinkUsed, NotFound
from model_sharing_protocol.profile import Profile
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import MODELS_COUNTED, ActivationOffer, RecipientToken
from model_sharing_provider.governance.addresses import allows
from model_sharing_provider.keys.server_secrets import ServerSecrets
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipient_sign_in import address_refused
from model_sharing_provider.services.sharing.recipients import find_recipient

_SHARES_OFFERED = 50
_TARGET = Target(SecurableType.RECIPIENT)


class ActivationLinks:
    def __init__(self, secrets: ServerSecrets) -> None:
        self._secrets = secrets

    async def activate(self, context: Context, code: str, endpoint: str) -> Profile:
        """Exchange an activation code for the profile, once.

        Raises NotFound for an invalid code, ActivationLinkUsed for the second and later callers,
        TooManyRequests for an address that failed too often.
        """
        code_hashes = self._secrets.hashes(code)
        action, target = AuditAction.RETRIEVE_RECIPIENT_TOKEN, _TARGET
        with context.counting_failures(action, target):
            async with context.change(action, target) as operation:
                operation.authorized_by_credential()
                name, pending, code_hash = await _find_by_code(operation, context, code_hashes)
                operation.refine_target(name=name, recipient=name)
                token = new_token()
                token_hash = self._secrets.hash(token)
                won = await operation.rows.recipients.activate(code_hash, token_hash, operation.now)
                if not won:
                    raise operation.denied(
                        "the activation link was used already",
                        ActivationLinkUsed(
                            "This activation link was used already; ask the provider to rotate the token."
                        ),
                    )
                return Profile(endpoint, token, datetime.fromtimestamp(pending.expires_at / 1000, UTC))

    async def info(self, context: Context, code: str) -> tuple[str, RecipientToken]:
        """Name and token of the recipient behind an activation code, which is not used up."""
        action, target = AuditAction.GET_ACTIVATION_URL_INFO, _TARGET
        with context.counting_failures(action, target):
            async with context.view(action, target) as operation:
                operation.authorized_by_credential()
                name, token, _ = await _find_by_code(operation, context, self._secrets.hashes(code))
                operation.refine_target(name=name, recipient=name)
                return name, token

    async def offer(self, context: Context, code: str) -> ActivationOffer:
        """Offer of an activation code, also of one that was used or has expired; nothing is used up.

        Raises NotFound for an invalid code, PermissionDenied for an address outside the IP access list,
        TooManyRequests for an address that failed too often.
        """
        action, target = AuditAction.GET_ACTIVATION_URL_INFO, _TARGET
        with context.counting_failures(action, target):
            async with context.view(action, target) as operation:
                operation.authorized_by_credential()
                hashes = self._secrets.hashes(code)
                name, token, _ = await _find_by_code(operation, context, hashes, or_expired=True)
                operation.refine_target(name=name, recipient=name)
                if token.activated_at is not None or token.expires_at <= operation.now:
                    return ActivationOffer(recipient=name, token=token)
                recipient = await find_recipient(operation, name)
                granted = await operation.rows.share_grants.of_recipients(recipient.id)
                shares = {
                    grant.share: await operation.rows.shares.count_models(grant.share, MODELS_COUNTED + 1)
                    for grant in granted[:_SHARES_OFFERED]
                }
                return ActivationOffer(recipient=name, token=token, shares=shares)


async def _find_by_code(
    operation: Operation, context: Context, code_hashes: Sequence[str], *, or_expired: bool = False
) -> tuple[str, RecipientToken, str]:
    """Name of a recipient, its token that waits for activation, and the stored hash of the code."""
    for code_hash in code_hashes:
        if found := await operation.rows.recipients.find_by_code(code_hash):
            break
    else:
        found = None
    if found is None or (found[1].expires_at <= operation.now and not or_expired):
        raise operation.denied(
            "no such activation link, or an expired one",
            NotFound("This activation link is not known here, or has expired; ask the provider for another."),
        )
    name, token, networks = found
    if not allows(networks, context.caller.address):
        operation.refine_target(name=name, recipient=name)
        raise operation.denied("the address is not in the IP access list", address_refused(context))
    return name, token, code_hash

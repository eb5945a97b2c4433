"""Terms as their owners see them: those of a share or a model, their history, and who accepted them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_protocol.names import FullName, normalize_name
from model_sharing_protocol.terms import check_terms
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Target
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.terms import Terms, TermsAcceptance
from model_sharing_provider.governance import rules
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.registry.models import find_model, model_target
from model_sharing_provider.services.sharing.recipients import find_recipient
from model_sharing_provider.services.sharing.shares import find_share, share_target

_MOST_SHOWN = 100


class ProviderTerms:
    async def history(
        self, context: Context, kind: SecurableType, name: str, digest: str | None = None
    ) -> Sequence[Terms]:
        """Last hundred terms of a share or a model, or those of a digest, the newest first.

        Raises NotFound, PermissionDenied.
        """
        async with context.view(AuditAction.GET_TERMS, _target(kind, name)) as operation:
            await operation.authorize(rules.OWN_SHARE if kind is SecurableType.SHARE else rules.READ_MODEL)
            securable_id = await _find_id(operation, kind, name)
            return await operation.rows.terms.history(securable_id, _MOST_SHOWN, digest)

    async def set(
        self, context: Context, kind: SecurableType, name: str, *, version: str, text: str
    ) -> Terms:
        """Set the terms of a share or a model; the same ones again are no change.

        Recipients are given no more files until they accept them. Raises InvalidParameter, NotFound,
        PermissionDenied.
        """
        text = text.replace("\r\n", "\n")
        digest = check_terms(version, text)
        async with context.change(AuditAction.SET_TERMS, _target(kind, name, digest)) as operation:
            await operation.authorize(_OWN[kind])
            securable_id = await _find_id(operation, kind, name)
            present = await operation.rows.terms.in_force(securable_id)
            if present is not None and present.digest == digest:
                return present
            terms = Terms(
                digest=digest,
                version=version,
                text=text,
                set_at=operation.now,
                set_by=operation.principal.name,
            )
            await operation.rows.terms.set(kind, securable_id, terms)
            return terms

    async def clear(self, context: Context, kind: SecurableType, name: str) -> None:
        """End the terms of a share or a model, if it has any. Raises NotFound, PermissionDenied."""
        async with context.change(AuditAction.CLEAR_TERMS, _target(kind, name)) as operation:
            await operation.authorize(_OWN[kind])
            securable_id = await _find_id(operation, kind, name)
            if await operation.rows.terms.in_force(securable_id) is not None:
                await operation.rows.terms.end(kind, securable_id, operation.now, operation.principal.name)

    async def acceptances(
        self, context: Context, recipient: str, digest: str | None = None
    ) -> Sequence[TermsAcceptance]:
        """Acceptances of terms by a recipient, in their order; or the one of a digest, with the text.

        The text can be shown whatever became of the share or the model. Raises NotFound, PermissionDenied.
        """
        recipient = normalize_name("recipient", recipient)
        target = Target(SecurableType.RECIPIENT, recipient, recipient=recipient)
        async with context.view(AuditAction.LIST_TERMS_ACCEPTANCES, target) as operation:
            await operation.authorize(rules.OWN_RECIPIENT)
            found = await find_recipient(operation, recipient)
            accepted = await operation.rows.terms.acceptances(found.id)
            if digest is None:
                return accepted
            texts = await operation.rows.terms.texts([digest])
            return [replace(each, text=texts[digest]) for each in accepted if each.digest == digest]


_OWN = {SecurableType.SHARE: rules.OWN_SHARE, SecurableType.MODEL: rules.OWN_MODEL}


def _target(kind: SecurableType, name: str, digest: str = "") -> Target:
    if kind not in _OWN:
        raise InvalidParameter(f"A {kind.lower()} has no terms; set those of a share or a model.")
    target = share_target(name) if kind is SecurableType.SHARE else model_target(FullName.parse(name))
    detail = f"{target.securable} terms {digest}" if digest else target.detail
    return Target(target.type, target.securable, detail, target.share, target.recipient)


async def _find_id(operation: Operation, kind: SecurableType, name: str) -> str:
    if kind is SecurableType.SHARE:
        return (await find_share(operation, name)).id
    return (await find_model(operation, FullName.parse(name))).id

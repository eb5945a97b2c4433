"""Terms as recipients see them: those that apply to a share, their acceptance, and the check for files.

Whatever is said about models may be read without them. Files, URLs and credentials for files are given to
those who accepted the terms in force of the share, and of the model, if it has its own.
"""

from __future__ import annotations

from dataclasses import replace

from model_sharing_protocol.errors import NotFound, TermsNotAccepted
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_protocol.terms import MAX_ACCEPTED_BY, TERMS_COMMAND, check_digest, check_line
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.sharing import Share, SharedVersion
from model_sharing_provider.domain.terms import SharedTerms, TermsAcceptance, UnacceptedTerms
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipient_view import (
    authorize_granted,
    target_of_recipient,
    view_share,
)

_MOST_ON_A_PAGE = 20
"""Terms on a page at most, since each may have a long text."""


class RecipientTerms:
    async def list(self, context: Context, share: str, page: PageRequest) -> Page[SharedTerms]:
        """Page of the terms in force in a share: of the whole share first, then of its models."""
        page = replace(page, size=min(page.size, _MOST_ON_A_PAGE))
        async with view_share(context, AuditAction.DELTA_SHARING_LIST_TERMS, share) as (operation, found, _):
            applying = await operation.rows.terms.of_share(found, operation.principal.id)
            listed = page_of(applying, page, _key)
            texts = await operation.rows.terms.texts([terms.digest for terms in listed.items])
            return Page([replace(terms, text=texts[terms.digest]) for terms in listed.items], listed.last_key)

    async def accept(self, context: Context, share: str, digest: str, accepted_by: str) -> SharedTerms:
        """Accept terms that apply in a share, once; `accepted_by` is who does, in the caller's words.

        The same text is accepted wherever this recipient meets it. Raises NotFound for terms that do not
        apply any more, or never did, InvalidParameter.
        """
        check_digest(digest)
        check_line("name of who accepts", accepted_by, MAX_ACCEPTED_BY)
        share = share.lower()
        target = target_of_recipient(context, share, f"{digest} by {accepted_by}")
        async with context.change(AuditAction.DELTA_SHARING_ACCEPT_TERMS, target) as operation:
            rows, recipient = operation.rows, operation.principal
            found = await rows.shares.find(share)
            grant = await rows.share_grants.find(found.id, recipient.id) if found else None
            granted, _ = authorize_granted(operation, share, found, grant)
            applying = {terms.digest: terms for terms in await rows.terms.of_share(granted, recipient.id)}
            if digest not in applying:
                raise NotFound(
                    f"The terms {digest} do not apply in the share {share!r}; read those that do, and "
                    "accept them."
                )
            acceptance = TermsAcceptance(
                recipient=recipient.name,
                share=granted.name,
                digest=digest,
                version=applying[digest].version,
                accepted_at=operation.now,
                accepted_by=accepted_by,
            )
            await rows.terms.accept(recipient.id, acceptance)
            accepted = {terms.digest: terms for terms in await rows.terms.of_share(granted, recipient.id)}
            return replace(accepted[digest], text=(await rows.terms.texts([digest]))[digest])


def check_terms_accepted(operation: Operation, found: SharedVersion) -> None:
    """Check that the recipient accepted the terms of a version that it is about to be given files of.

    Raises TermsNotAccepted, a denial. Files that are on their way already go on until their URLs end.
    """
    if not found.unaccepted:
        return
    named = " and ".join(
        f"{_subject(found, terms)} (version {terms.version}, {terms.digest})" for terms in found.unaccepted
    )
    raise operation.denied(
        f"terms not accepted: {', '.join(terms.digest for terms in found.unaccepted)}",
        TermsNotAccepted(
            f"The terms of {named} are not accepted. Read them, and accept them, with: {TERMS_COMMAND}"
        ),
    )


async def check_share_terms(operation: Operation, share: Share) -> None:
    """Check that the recipient accepted the terms of a share, of which it is about to be given files.

    Raises TermsNotAccepted, a denial.
    """
    applying = await operation.rows.terms.of_share(share, operation.principal.id)
    for terms in applying:
        if not terms.models and terms.accepted_at is None:
            raise operation.denied(
                f"terms not accepted: {terms.digest}",
                TermsNotAccepted(
                    f"The terms of the share {share.name!r} (version {terms.version}, {terms.digest}) are "
                    f"not accepted. Read them, and accept them, with: {TERMS_COMMAND}"
                ),
            )


def _subject(found: SharedVersion, terms: UnacceptedTerms) -> str:
    return f"the share {found.share.name!r}" if terms.whole_share else f"the model '{found.shared_name}'"


def _key(terms: SharedTerms) -> str:
    return f"{1 if terms.models else 0} {terms.digest}"

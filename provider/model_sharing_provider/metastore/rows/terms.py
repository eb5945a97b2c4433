"""Rows of terms, of the shares and models that have them, and of their acceptance. None is ever deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, Select, and_, insert, select, update

from model_sharing_protocol.change_kinds import ChangeKind
from model_sharing_provider.domain.changes import Change
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.sharing import Share
from model_sharing_provider.domain.terms import SharedTerms, Terms, TermsAcceptance
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.rows.changes import ChangeRows
from model_sharing_provider.metastore.rows.shared_models import models_shown
from model_sharing_provider.metastore.tables import securable_terms, terms_acceptances, terms_texts


class TermsRows:
    def __init__(self, connection: Connection, changes: ChangeRows) -> None:
        self._connection = connection
        self._changes = changes

    async def history(self, securable_id: str, limit: int, digest: str | None = None) -> list[Terms]:
        """Last terms of a share or a model, or those of a digest, the newest first."""
        query = (
            select(securable_terms, terms_texts.c.version, terms_texts.c.text)
            .join_from(securable_terms, terms_texts)
            .where(securable_terms.c.securable_id == securable_id)
            .order_by(securable_terms.c.set_at.desc(), securable_terms.c.ended_at.is_(None).desc())
            .limit(limit)
        )
        if digest is not None:
            query = query.where(securable_terms.c.digest == digest)
        return [_terms(row) for row in await self._connection.execute(query)]

    async def in_force(self, securable_id: str) -> Terms | None:
        """Terms that a share or a model has now."""
        query = (
            select(securable_terms, terms_texts.c.version, terms_texts.c.text)
            .join_from(securable_terms, terms_texts)
            .where(securable_terms.c.securable_id == securable_id, securable_terms.c.ended_at.is_(None))
        )
        row = (await self._connection.execute(query)).one_or_none()
        return _terms(row) if row else None

    async def set(self, kind: SecurableType, securable_id: str, terms: Terms) -> None:
        """Let a share or a model have terms from now on, in place of those that it has."""
        await self.end(kind, securable_id, terms.set_at, terms.set_by)
        known = select(terms_texts.c.digest).where(terms_texts.c.digest == terms.digest)
        if (await self._connection.execute(known)).first() is None:
            await self._connection.execute(
                insert(terms_texts).values(digest=terms.digest, version=terms.version, text=terms.text)
            )
        await self._connection.execute(
            insert(securable_terms).values(
                id=str(uuid4()),
                securable_type=kind,
                securable_id=securable_id,
                digest=terms.digest,
                set_at=terms.set_at,
                set_by=terms.set_by,
            )
        )

    async def end(self, kind: SecurableType, securable_id: str, now: int, ended_by: str) -> None:
        """End the terms that a share or a model has, and tell its recipients."""
        await self._connection.execute(
            update(securable_terms)
            .where(securable_terms.c.securable_id == securable_id, securable_terms.c.ended_at.is_(None))
            .values(ended_at=now, ended_by=ended_by)
        )
        if kind is SecurableType.SHARE:
            self._changes.record(Change(kind=ChangeKind.SHARE_CHANGED, share_id=securable_id))
        else:
            self._changes.record_description(securable_id)

    async def of_share(self, share: Share, recipient_id: str) -> list[SharedTerms]:
        """Terms in force of a share and of the models that it shows, as a recipient sees them, without texts.

        Those of the whole share are said to be of no model.
        """
        shown = models_shown(share)
        of_models = (
            _shared(recipient_id)
            .add_columns(shown.c.shared_schema, shown.c.shared_name)
            .join(shown, shown.c.model_id == securable_terms.c.securable_id)
            .order_by(shown.c.shared_schema, shown.c.shared_name)
        )
        of_whole = _shared(recipient_id).where(securable_terms.c.securable_id == share.id)
        found = {row.digest: row for row in await self._connection.execute(of_whole)}
        models: dict[str, list[str]] = {digest: [] for digest in found}
        for row in await self._connection.execute(of_models):
            if row.digest not in found or models[row.digest]:
                models.setdefault(row.digest, []).append(f"{row.shared_schema}.{row.shared_name}")
                found[row.digest] = row
        return [_shared_terms(row, models[digest]) for digest, row in found.items()]

    async def texts(self, digests: Collection[str]) -> dict[str, str]:
        """Texts by their digests."""
        query = select(terms_texts.c.digest, terms_texts.c.text).where(terms_texts.c.digest.in_(digests))
        return {row.digest: row.text for row in await self._connection.execute(query)}

    async def accept(self, recipient_id: str, acceptance: TermsAcceptance) -> None:
        """Record an acceptance; the first one of the same terms stays."""
        known = select(terms_acceptances.c.digest).where(
            terms_acceptances.c.recipient_id == recipient_id,
            terms_acceptances.c.digest == acceptance.digest,
        )
        if (await self._connection.execute(known)).first() is None:
            await self._connection.execute(
                insert(terms_acceptances).values(
                    recipient_id=recipient_id,
                    digest=acceptance.digest,
                    recipient=acceptance.recipient,
                    share=acceptance.share,
                    accepted_at=acceptance.accepted_at,
                    accepted_by=acceptance.accepted_by,
                )
            )

    async def acceptances(self, recipient_id: str) -> list[TermsAcceptance]:
        """Acceptances by a recipient, in their order."""
        query = (
            select(terms_acceptances, terms_texts.c.version)
            .join_from(terms_acceptances, terms_texts)
            .where(terms_acceptances.c.recipient_id == recipient_id)
            .order_by(terms_acceptances.c.accepted_at, terms_acceptances.c.digest)
        )
        return [
            TermsAcceptance(
                recipient=row.recipient,
                share=row.share,
                digest=row.digest,
                version=row.version,
                accepted_at=row.accepted_at,
                accepted_by=row.accepted_by,
            )
            for row in await self._connection.execute(query)
        ]


def _terms(row: Row[Any]) -> Terms:
    return Terms(
        digest=row.digest,
        version=row.version,
        text=row.text,
        set_at=row.set_at,
        set_by=row.set_by,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )


def _shared(recipient_id: str) -> Select[Any]:
    """Query for terms in force, with their acceptance by a recipient."""
    accepted = and_(
        terms_acceptances.c.digest == securable_terms.c.digest,
        terms_acceptances.c.recipient_id == recipient_id,
    )
    return (
        select(
            securable_terms.c.digest,
            terms_texts.c.version,
            terms_acceptances.c.accepted_at,
            terms_acceptances.c.accepted_by,
        )
        .join_from(securable_terms, terms_texts)
        .outerjoin(terms_acceptances, accepted)
        .where(securable_terms.c.ended_at.is_(None))
    )


def _shared_terms(row: Row[Any], models: Sequence[str]) -> SharedTerms:
    return SharedTerms(
        digest=row.digest,
        version=row.version,
        models=tuple(models),
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by or "",
    )

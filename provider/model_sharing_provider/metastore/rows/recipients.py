"""Rows of recipients and their tokens."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.expiry import Expiring
from model_sharing_provider.domain.sharing import AuthenticationType, Recipient, RecipientToken
from model_sharing_provider.metastore.authorization.visibility import Viewer, is_owned
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fetch_page
from model_sharing_provider.metastore.rows.expiring_tokens import expiring
from model_sharing_provider.metastore.rows.mapping import read_limits
from model_sharing_provider.metastore.tables import (
    federation_policies,
    grants,
    recipient_issues,
    recipient_tokens,
    recipient_usage,
    recipients,
)


class RecipientRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, recipient: Recipient) -> None:
        await self._connection.execute(
            insert(recipients).values(
                id=recipient.id,
                name=recipient.name,
                comment=recipient.comment,
                ip_access_list=json.dumps(recipient.ip_access_list),
                properties=json.dumps(recipient.properties),
                authentication_type=recipient.authentication_type,
                **asdict(recipient.limits),
                owner=recipient.owner,
                created_at=recipient.created_at,
                updated_at=recipient.updated_at,
                created_by=recipient.created_by,
                updated_by=recipient.updated_by,
            )
        )

    async def find(self, name: str) -> Recipient | None:
        query = select(recipients).where(recipients.c.name == name)
        row = (await self._connection.execute(query)).one_or_none()
        return (await self._complete([_recipient(row)]))[0] if row else None

    async def update(self, recipient: Recipient) -> None:
        await self._connection.execute(
            update(recipients)
            .where(recipients.c.id == recipient.id)
            .values(
                name=recipient.name,
                comment=recipient.comment,
                ip_access_list=json.dumps(recipient.ip_access_list),
                properties=json.dumps(recipient.properties),
                **asdict(recipient.limits),
                owner=recipient.owner,
                updated_at=recipient.updated_at,
                updated_by=recipient.updated_by,
            )
        )

    async def page(self, page: PageRequest, viewer: Viewer) -> Page[Recipient]:
        """Page of the recipients that the viewer owns."""
        query = select(recipients).where(is_owned(viewer, recipients.c.owner))
        found = await fetch_page(
            self._connection,
            query,
            recipients.c.name,
            page,
            _recipient,
            key_of=lambda item: item.name,
        )
        return Page(await self._complete(found.items), found.last_key)

    async def count(self) -> int:
        query = select(func.count()).select_from(recipients)
        return int((await self._connection.execute(query)).scalar_one())

    async def delete(self, recipient_id: str) -> None:
        """Delete a recipient with its tokens, federation policies and grants."""
        await self._connection.execute(delete(grants).where(grants.c.principal_id == recipient_id))
        await self._connection.execute(
            delete(recipient_tokens).where(recipient_tokens.c.recipient_id == recipient_id)
        )
        await self._connection.execute(
            delete(federation_policies).where(federation_policies.c.holder_id == recipient_id)
        )
        for usage in (recipient_usage, recipient_issues):
            await self._connection.execute(delete(usage).where(usage.c.recipient_id == recipient_id))
        await self._connection.execute(delete(recipients).where(recipients.c.id == recipient_id))

    async def add_token(self, recipient_id: str, token: RecipientToken, code_hash: str) -> None:
        await self._connection.execute(
            insert(recipient_tokens).values(
                id=token.id,
                recipient_id=recipient_id,
                code_hash=code_hash,
                sealed_code=token.sealed_code,
                expires_at=token.expires_at,
                created_at=token.created_at,
            )
        )

    async def delete_token(self, recipient_id: str, token_id: str) -> bool:
        """Delete a token or its unused link; False if the recipient has no such token."""
        result = await self._connection.execute(
            delete(recipient_tokens)
            .where(recipient_tokens.c.id == token_id, recipient_tokens.c.recipient_id == recipient_id)
            .returning(recipient_tokens.c.id)
        )
        return result.first() is not None

    async def delete_pending_tokens(self, recipient_id: str) -> None:
        """Delete unused activation links."""
        await self._connection.execute(
            delete(recipient_tokens).where(
                recipient_tokens.c.recipient_id == recipient_id, recipient_tokens.c.activated_at.is_(None)
            )
        )

    async def shorten_tokens(self, recipient_id: str, expires_at: int) -> None:
        """Limit the expiry of the recipient's tokens to `expires_at`; none is extended."""
        await self._connection.execute(
            update(recipient_tokens)
            .where(
                recipient_tokens.c.recipient_id == recipient_id, recipient_tokens.c.expires_at > expires_at
            )
            .values(expires_at=expires_at)
        )

    async def find_by_code(self, code_hash: str) -> tuple[str, RecipientToken, tuple[str, ...]] | None:
        """Name, token and IP access list of the recipient behind an activation code."""
        query = (
            select(recipient_tokens, recipients.c.name, recipients.c.ip_access_list)
            .join_from(recipient_tokens, recipients)
            .where(recipient_tokens.c.code_hash == code_hash)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return (row.name, _token(row), tuple(json.loads(row.ip_access_list))) if row else None

    async def activate(self, code_hash: str, token_hash: str, now: int) -> bool:
        """Store the token's hash, once: of many callers with the same code, exactly one gets True."""
        result = await self._connection.execute(
            update(recipient_tokens)
            .where(recipient_tokens.c.code_hash == code_hash, recipient_tokens.c.activated_at.is_(None))
            .values(token_hash=token_hash, activated_at=now, sealed_code="")
            .returning(recipient_tokens.c.id)
        )
        return result.first() is not None

    async def find_name_by_token_id(self, token_id: str) -> str | None:
        """Name of the recipient that a token, valid or expired, or a federation policy belongs to."""
        of_tokens = select(recipient_tokens.c.recipient_id).where(recipient_tokens.c.id == token_id)
        of_policies = select(federation_policies.c.holder_id).where(federation_policies.c.id == token_id)
        query = select(recipients.c.name).where(recipients.c.id.in_(of_tokens.union_all(of_policies)))
        row = (await self._connection.execute(query)).one_or_none()
        return row.name if row else None

    async def expiring(self, now: int, until: int) -> Expiring:
        """Expiry of each recipient's longest-lived valid token; `soon` counts those before `until`."""
        live = (
            select(func.max(recipient_tokens.c.expires_at).label("at"))
            .where(recipient_tokens.c.expires_at > now, recipient_tokens.c.activated_at.is_not(None))
            .group_by(recipient_tokens.c.recipient_id)
            .subquery()
        )
        return await expiring(self._connection, live.c.at, until)

    async def _complete(self, found: Sequence[Recipient]) -> list[Recipient]:
        tokens: dict[str, list[RecipientToken]] = defaultdict(list)
        query = (
            select(recipient_tokens)
            .where(recipient_tokens.c.recipient_id.in_([recipient.id for recipient in found]))
            .order_by(recipient_tokens.c.created_at)
        )
        for row in await self._connection.execute(query):
            tokens[row.recipient_id].append(_token(row))
        return [replace(recipient, tokens=tuple(tokens[recipient.id])) for recipient in found]


def _recipient(row: Row[Any]) -> Recipient:
    return Recipient(
        id=row.id,
        name=row.name,
        comment=row.comment,
        ip_access_list=tuple(json.loads(row.ip_access_list)),
        properties=json.loads(row.properties),
        authentication_type=AuthenticationType(row.authentication_type),
        limits=read_limits(row._mapping),
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        updated_by=row.updated_by,
    )


def _token(row: Row[Any]) -> RecipientToken:
    return RecipientToken(
        id=row.id,
        activated_at=row.activated_at,
        expires_at=row.expires_at,
        created_at=row.created_at,
        sealed_code=row.sealed_code,
    )

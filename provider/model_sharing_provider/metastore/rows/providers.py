"""Rows of providers that share with us."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.sharing import ProviderAuthentication, SharingProvider
from model_sharing_provider.metastore.authorization.visibility import Viewer, is_owned
from model_sharing_provider.metastore.engine.connection import Connection
from model_sharing_provider.metastore.paging.keyset import fetch_page
from model_sharing_provider.metastore.tables import providers


class ProviderRows:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, provider: SharingProvider) -> None:
        await self._connection.execute(insert(providers).values(**asdict(provider)))

    async def update(self, provider: SharingProvider) -> None:
        await self._connection.execute(
            update(providers).where(providers.c.id == provider.id).values(**asdict(provider))
        )

    async def find(self, name: str) -> SharingProvider | None:
        row = (
            await self._connection.execute(select(providers).where(providers.c.name == name))
        ).one_or_none()
        return _provider(row) if row else None

    async def page(self, page: PageRequest, viewer: Viewer) -> Page[SharingProvider]:
        """Page of the providers that the viewer owns."""
        query = select(providers).where(is_owned(viewer, providers.c.owner))
        return await fetch_page(
            self._connection, query, providers.c.name, page, _provider, key_of=lambda item: item.name
        )

    async def delete(self, provider_id: str) -> None:
        await self._connection.execute(delete(providers).where(providers.c.id == provider_id))


def _provider(row: Row[Any]) -> SharingProvider:
    authentication = ProviderAuthentication(row.authentication_type)
    return SharingProvider(**{**row._mapping, "authentication_type": authentication})

"""Composition root: settings → stores → services. The only package that knows every part."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

from model_sharing_provider.bootstrap.administration import AdministrationWiring
from model_sharing_provider.bootstrap.registry import RegistryWiring
from model_sharing_provider.bootstrap.sharing import SharingWiring
from model_sharing_provider.bootstrap.startup import (
    Announce,
    create_home,
    ensure_administrator,
    ensure_secrets,
    ensure_signing_keys,
)
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.metastore.database import open_database
from model_sharing_provider.metastore.unit_of_work import import_rows
from model_sharing_provider.services.provider_services import ProviderServices


class Provider(RegistryWiring, SharingWiring, AdministrationWiring):
    """Services of one provider, each wired at its first use from those that it needs."""

    def wire_all(self) -> None:
        """Wire what is not wired yet, and import what that will need: no request has to wait for it.

        Raises InvalidParameter for an identity provider that lacks a setting, InvalidState for its secret.
        """
        for name, _ in inspect.getmembers(type(self), lambda member: isinstance(member, cached_property)):
            getattr(self, name)
        import_rows()

    async def close(self) -> None:
        """End what goes on in the background, then connections; what was never wired has nothing to end."""
        for name in ("shared_catalogs", "freshness", "pulls", "connections", "audit_recorder"):
            if part := vars(self).get(name):
                await part.close()


@asynccontextmanager
async def open_provider(
    settings: Settings, announce: Announce = lambda _: None, *, lost_keys: bool = False
) -> AsyncIterator[ProviderServices]:
    """Open the provider in its home; a first start creates and announces all that it needs.

    With `lost_keys`, signing keys other than the database's own are accepted. Safe while other processes have
    the same home open.
    """
    create_home(settings)
    spool = None
    if settings.replica_of:
        from model_sharing_provider.bootstrap.replicas import open_replica_database, read_identity
        from model_sharing_provider.metastore.audit_spool import AuditSpool

        database = await open_replica_database(settings)
    else:
        database = await open_database(settings.database_url, settings.database_connections)
    try:
        if settings.replica_of:
            secrets, keys, administrator = await read_identity(settings, database)
            spool = AuditSpool(settings.audit_spool_path, settings.home_database_url)
        else:
            secrets = await ensure_secrets(settings, database)
            keys = await ensure_signing_keys(settings, database, lost=lost_keys)
            administrator = await ensure_administrator(database, secrets, settings, announce)
        provider = Provider(settings, secrets, keys, database, spool, administrator=administrator)
        try:
            yield provider
        finally:
            await provider.close()
    finally:
        if spool is not None:
            spool.close()
        await database.close()

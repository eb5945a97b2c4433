"""The administrator's access to an open provider: what most tests arrange their data with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_sharing_protocol.names import FullName, SchemaName
from model_sharing_protocol.profile import Profile
from model_sharing_provider.domain.principals import Caller
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.provider_services import ProviderServices


@dataclass(frozen=True, slots=True)
class AdminClient:
    """An administrator at work on an open provider."""

    provider: ProviderServices
    context: Context

    @classmethod
    def of(cls, provider: ProviderServices) -> AdminClient:
        return cls(provider, provider.context(Caller(provider.administrator, "cli")))

    async def register(self, folder: Path, name: str, alias: str | None = None) -> ModelVersion:
        """Register a folder, creating catalog and schema if need be."""
        full_name = FullName.parse(name)
        catalogs = self.provider.catalogs
        async with self.provider.database.read() as rows:
            catalog = await rows.catalogs.find(full_name.catalog)
            schema = await rows.catalogs.find_schema(full_name.schema_name)
        if catalog is None:
            await catalogs.create(self.context, full_name.catalog)
        if schema is None:
            await catalogs.create_schema(self.context, full_name.schema_name)
        return await self.provider.registration.register(self.context, folder, full_name, alias=alias)

    async def share(self, share: str, recipient: str, *models: str) -> str:
        """Create share and recipient, put the models in, grant; the activation code."""
        await self.provider.shares.create(self.context, share)
        for model in models:
            await self.provider.shares.add_model(self.context, share, FullName.parse(model))
        _, code = await self.provider.recipients.create(self.context, recipient)
        await self.provider.share_permissions.grant(self.context, share, recipient)
        return code

    async def add_schema(self, share: str, schema: str) -> None:
        await self.provider.shares.add_schema(self.context, share, SchemaName.parse(schema))

    async def activate(self, code: str, endpoint: str) -> Profile:
        """Open an activation link without going over the network."""
        return await self.provider.activation_links.activate(self.context, code, endpoint)

"""Listings of a mounted share's schemas and models. What has a name that cannot be is left out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from model_sharing.catalogs.shared_models import SharedModel
from model_sharing.client.invalid_items import InvalidItems
from model_sharing.client.sharing_client import SharingClient
from model_sharing.mount_table import Mount
from model_sharing_protocol.errors import InvalidParameter, NotASharingServer
from model_sharing_protocol.names import FullName, normalize_name
from model_sharing_protocol.open_sharing import RegisteredModel


class ModelListing:
    """Schemas and models of one mount, under its name."""

    def __init__(self, client: SharingClient, mount: Mount) -> None:
        self._client = client
        self._mount = mount

    async def schemas(self) -> list[str]:
        """Names of the share's schemas, sorted."""
        found = await self._client.list_schemas(self._mount.share)
        schemas = InvalidItems(self._mount.endpoint).keep_valid(
            found,
            lambda schema: self._checked("schema", schema.name),
            lambda schema: f"the schema {schema.name[:80]!a}",
        )
        return sorted(schemas)

    async def pages(self, schema: str | None) -> AsyncIterator[list[SharedModel]]:
        """Models of one schema, or of all, page by page as they arrive."""
        wanted = None if schema is None else normalize_name("schema", schema)
        invalid_items = InvalidItems(self._mount.endpoint)
        async for page in self._client.iterate_models(self._mount.share, wanted):
            yield invalid_items.convert(
                page, self.model, lambda model: f"the model {model.schema[:80]!a}.{model.name[:80]!a}"
            )
        invalid_items.report()

    async def models(self, schema: str | None) -> list[SharedModel]:
        """Models of one schema, or of all, sorted."""
        found = [model async for page in self.pages(schema) for model in page]
        return sorted(found, key=lambda model: model.full_name)

    def model(self, wire: RegisteredModel) -> SharedModel:
        """Model of the protocol's message. Raises NotASharingServer for an invalid name."""
        schema, name = self._checked("schema", wire.schema), self._checked("model", wire.name)
        for alias in wire.aliases:
            self._checked("alias", alias)
        return SharedModel.of(FullName(self._mount.name, schema, name), wire)

    def _checked(self, kind: str, name: str) -> str:
        try:
            return normalize_name(kind, name)
        except InvalidParameter as error:
            raise NotASharingServer(
                f"{self._mount.endpoint} listed an invalid name: {error.message}"
            ) from error

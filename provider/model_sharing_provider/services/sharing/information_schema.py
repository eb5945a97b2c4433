"""Information schema: tables of every share about itself, for any Delta Sharing client, as Parquet.

`information_schema.models`, `.model_versions` and `.model_aliases` show only what the recipient may see.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.names import INFORMATION_SCHEMA
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_provider.artifacts.layout import SHARE_TABLES, share_table_path
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.sharing import Share, SharedModel
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_view import models_of_share, view_share

if TYPE_CHECKING:
    from model_sharing_provider.services.sharing.parquet_tables import TableWriter

_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SharedTable:
    """Table as seen in one share; its id never changes."""

    id: str
    share: Share
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """Metadata of a table for a Delta Sharing client; `version` grows when the share changes."""

    id: str
    name: str
    schema_string: str
    version: int


@dataclass(frozen=True, slots=True)
class TableFile:
    """Parquet file of a table: its signed URL, sha256, size in bytes, and expiry in epoch ms."""

    url: str
    sha256: str
    size: int
    expires_at: int


class InformationSchema:
    names = ("model_aliases", "model_versions", "models")

    def __init__(self, recipient_files: RecipientFiles, artifacts: ArtifactStore) -> None:
        self._recipient_files = recipient_files
        self._artifacts = artifacts

    async def list_tables(
        self, context: Context, share: str, schema: str | None, page: PageRequest
    ) -> Page[SharedTable]:
        """Page of the tables in information_schema; other schemas have none. Raises NotFound."""
        schema = schema.lower() if schema is not None else INFORMATION_SCHEMA
        async with view_share(context, AuditAction.DELTA_SHARING_LIST_TABLES, share, schema) as (
            operation,
            found,
            _,
        ):
            if schema == INFORMATION_SCHEMA:
                names = page_of(self.names, page, str)
                return Page([_table(found, name) for name in names.items], names.last_key)
            if not await operation.rows.shared_models.has_schema(found.id, schema):
                raise NotFound(f"The schema {schema!r} does not exist in the share {found.name!r}.")
            return Page(())

    async def get(self, context: Context, share: str, schema: str, table: str) -> SharedTable:
        """A table. Raises NotFound."""
        action = AuditAction.DELTA_SHARING_GET_TABLE
        async with view_share(context, action, share, f"{schema}.{table}") as (_, found, _grant):
            return _table(found, self._name(schema, table))

    async def describe(self, context: Context, share: str, schema: str, table: str) -> TableMetadata:
        """Metadata of a table. Raises NotFound."""
        action = AuditAction.DELTA_SHARING_GET_TABLE_METADATA
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, _):
            return await self._metadata(operation, found, self._name(schema, table))

    async def query(
        self, context: Context, share: str, schema: str, table: str
    ) -> tuple[TableMetadata, TableFile]:
        """Current content of a table, in one Parquet file. Raises NotFound."""
        action = AuditAction.DELTA_SHARING_QUERY_TABLE
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, grant):
            table = self._name(schema, table)
            metadata = await self._metadata(operation, found, table)
            writer = await asyncio.to_thread(_writer, table)
            async for models, versions in _pieces(operation, found, table):
                await asyncio.to_thread(writer.add, models, versions)
            content = await asyncio.to_thread(writer.finish)
            issuer = self._recipient_files.issuer(operation.principal, found, grant)
        sha256 = hashlib.sha256(content).hexdigest()
        await self._artifacts.delete_below(SHARE_TABLES, older_than=_KEPT)
        await self._artifacts.put_bytes(share_table_path(sha256), content)
        return metadata, TableFile(issuer.sign(f"tables/{sha256}"), sha256, len(content), issuer.expires_at)

    async def _metadata(self, operation: Operation, share: Share, table: str) -> TableMetadata:
        return TableMetadata(
            id=_table(share, table).id,
            name=table,
            schema_string=await asyncio.to_thread(_schema_string, table),
            version=await operation.rows.shared_models.changed_at(share),
        )

    def _name(self, schema: str, table: str) -> str:
        if schema.lower() != INFORMATION_SCHEMA or table.lower() not in self.names:
            raise NotFound(f"The table '{schema}.{table}' does not exist in this share.")
        return table.lower()


async def _pieces(
    operation: Operation, share: Share, table: str
) -> AsyncIterator[tuple[Sequence[SharedModel], Sequence[ModelVersion]]]:
    """Models of a share in batches, with their versions if the table needs them."""
    page = PageRequest()
    while True:
        shown = await models_of_share(operation, share, None, page)
        if table == "model_versions":
            async for versions in operation.rows.versions.batches_ready(
                [each.model.id for each in shown.items]
            ):
                yield shown.items, versions
        else:
            yield shown.items, ()
        if shown.last_key is None:
            return
        page = PageRequest(after=shown.last_key)


def _table(share: Share, name: str) -> SharedTable:
    """Table of a share's information schema; its id is made of the share's, as it lives as long."""
    return SharedTable(
        id=str(uuid5(UUID(share.id), f"{INFORMATION_SCHEMA}.{name}")),
        share=share,
        schema=INFORMATION_SCHEMA,
        name=name,
    )


def _writer(table: str) -> TableWriter:
    # Arrow takes a tenth of a second to import, which most commands need not wait for.
    from model_sharing_provider.services.sharing.parquet_tables import TableWriter  # noqa: PLC0415

    return TableWriter(table)


def _schema_string(table: str) -> str:
    from model_sharing_provider.services.sharing.parquet_tables import schema_string  # noqa: PLC0415

    return schema_string(table)

"""Information schema: tables of every share about itself, for any Delta Sharing client, as Parquet.

`information_schema.models`, `.model_versions` and `.model_aliases` show only what the recipient may see.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.names import INFORMATION_SCHEMA
from model_sharing_protocol.pages import PageRequest
from model_sharing_provider.artifacts.layout import SHARE_TABLES, share_table_path
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.securables import ModelVersion
from model_sharing_provider.domain.shared_tables import (
    CURRENT,
    SharedTable,
    TableFile,
    TableMetadata,
    TableRevision,
)
from model_sharing_provider.domain.sharing import Share, SharedModel
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles
from model_sharing_provider.services.sharing.recipient_view import models_of_share, view_share

if TYPE_CHECKING:
    from model_sharing_provider.services.sharing.parquet_tables import TableWriter

_KEPT = timedelta(hours=1)


class InformationSchema:
    names = ("model_aliases", "model_versions", "models")

    def __init__(self, recipient_files: RecipientFiles, artifacts: ArtifactStore) -> None:
        self._recipient_files = recipient_files
        self._artifacts = artifacts

    def tables(self, share: Share) -> list[SharedTable]:
        """Tables of a share, by name."""
        return [_table(share, name) for name in self.names]

    def get(self, share: Share, table: str) -> SharedTable:
        """Table by name. Raises NotFound."""
        if table.lower() not in self.names:
            raise NotFound(f"The table '{INFORMATION_SCHEMA}.{table}' does not exist in this share.")
        return _table(share, table.lower())

    async def describe(
        self, context: Context, share: str, table: str, revision: TableRevision
    ) -> TableMetadata:
        """Metadata of a table. Raises NotFound, and UnsupportedOperation for all but the current revision."""
        action = AuditAction.DELTA_SHARING_GET_TABLE_METADATA
        inside = f"{INFORMATION_SCHEMA}.{table}"
        async with view_share(context, action, share, inside) as (operation, found, _):
            name = self.get(found, table).name
            _check_current(revision)
            return await self._metadata(operation, found, name)

    async def query(
        self, context: Context, share: str, table: str, revision: TableRevision
    ) -> tuple[TableMetadata, TableFile]:
        """Current content of a table, in one Parquet file. Raises as `describe` does."""
        action = AuditAction.DELTA_SHARING_QUERY_TABLE
        inside = f"{INFORMATION_SCHEMA}.{table}"
        async with view_share(context, action, share, inside) as (operation, found, grant):
            table = self.get(found, table).name
            _check_current(revision)
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


def _check_current(revision: TableRevision) -> None:
    """Check that no history is asked for, of which there is none. Raises UnsupportedOperation."""
    if revision != CURRENT:
        raise UnsupportedOperation(
            "This table has no history; leave out versions and timestamps for its current rows."
        )


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

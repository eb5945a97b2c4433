"""Tables of a share for its recipients: those at external locations, and the information schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from model_sharing_protocol.errors import NotFound, UnsupportedOperation
from model_sharing_protocol.names import INFORMATION_SCHEMA, SharedName
from model_sharing_protocol.pages import Page, PageRequest, page_of
from model_sharing_provider.artifacts.shared_folders import SharedFolders
from model_sharing_provider.artifacts.store import ArtifactStore
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.shared_tables import (
    CURRENT,
    DataFile,
    SharedLocation,
    SharedTable,
    TableFile,
    TableMetadata,
    TableRevision,
    TableSnapshot,
)
from model_sharing_provider.domain.sharing import Share, ShareObjectType
from model_sharing_provider.domain.signed_urls import URL_LIFETIME_SECONDS
from model_sharing_provider.services.byte_budgets import ByteBudget
from model_sharing_provider.services.context import Context, Operation
from model_sharing_provider.services.sharing.asset_files import file_id
from model_sharing_provider.services.sharing.information_schema import InformationSchema
from model_sharing_provider.services.sharing.recipient_files import RecipientFiles, UrlIssuer
from model_sharing_provider.services.sharing.recipient_terms import check_share_terms
from model_sharing_provider.services.sharing.recipient_view import check_schema, view_share


class SharedTables:
    def __init__(
        self,
        information_schema: InformationSchema,
        recipient_files: RecipientFiles,
        artifacts: ArtifactStore,
        folders: SharedFolders,
    ) -> None:
        self._information_schema = information_schema
        self._recipient_files = recipient_files
        self._artifacts = artifacts
        self._folders = folders

    async def list_tables(
        self, context: Context, share: str, schema: str | None, page: PageRequest
    ) -> Page[SharedTable]:
        """Page of the tables of a share, or of one of its schemas. Raises NotFound for a missing schema."""
        schema = schema.lower() if schema is not None else None
        action = AuditAction.DELTA_SHARING_LIST_TABLES
        async with view_share(context, action, share, schema or "") as (operation, found, _):
            await check_schema(operation, found, schema)
            shown = await operation.rows.shared_assets.of_share(found.id, ShareObjectType.TABLE)
            tables = [*self._information_schema.tables(found), *(_table(found, each) for each in shown)]
            inside = (each for each in tables if schema in (None, each.schema))
            return page_of(inside, page, lambda each: f"{each.schema}.{each.name}")

    async def get(self, context: Context, share: str, schema: str, table: str) -> SharedTable:
        """Table by name. Raises NotFound."""
        action = AuditAction.DELTA_SHARING_GET_TABLE
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, _):
            if schema.lower() == INFORMATION_SCHEMA:
                return self._information_schema.get(found, table)
            return _table(found, await _find(operation, found, schema, table))

    async def refuse(
        self, context: Context, action: AuditAction, share: str, schema: str, table: str
    ) -> NoReturn:
        """Refuse what no table offers. Raises UnsupportedOperation, or NotFound for a missing table."""
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, _):
            if schema.lower() == INFORMATION_SCHEMA:
                self._information_schema.get(found, table)
            else:
                await _find(operation, found, schema, table)
            raise UnsupportedOperation(_REFUSALS[action])

    async def describe(
        self, context: Context, share: str, schema: str, table: str, revision: TableRevision = CURRENT
    ) -> TableMetadata:
        """Metadata of a table. Raises NotFound, UnsupportedOperation, InvalidParameter."""
        if schema.lower() == INFORMATION_SCHEMA:
            return await self._information_schema.describe(context, share, table, revision)
        action = AuditAction.DELTA_SHARING_GET_TABLE_METADATA
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, _):
            shown = await _find(operation, found, schema, table)
        return _metadata(shown, await self._folders.table(shown.location, revision))

    async def query(
        self,
        context: Context,
        share: str,
        schema: str,
        table: str,
        revision: TableRevision = CURRENT,
        *,
        limit: int | None = None,
    ) -> tuple[TableMetadata, Sequence[TableFile]]:
        """Files of a table as URLs; with a `limit`, perhaps only as many as have that number of rows.

        Raises as `describe` does, and TermsNotAccepted.
        """
        if schema.lower() == INFORMATION_SCHEMA:
            metadata, file = await self._information_schema.query(context, share, table, revision)
            return metadata, [file]
        action = AuditAction.DELTA_SHARING_QUERY_TABLE
        async with view_share(context, action, share, f"{schema}.{table}") as (operation, found, grant):
            shown = await _find(operation, found, schema, table)
            await check_share_terms(operation, found)
            issuer = self._recipient_files.issuer(operation.principal, found, grant)
        snapshot = await self._folders.table(shown.location, revision)
        files = _enough(snapshot.files, limit)
        budget = self._recipient_files.budget(context, operation.principal)
        return _metadata(shown, snapshot), await self._sign(issuer, budget, shown, snapshot.version, files)

    async def _sign(
        self,
        issuer: UrlIssuer,
        budget: ByteBudget,
        table: SharedLocation,
        version: int,
        files: Sequence[DataFile],
    ) -> list[TableFile]:
        paths = [f"{table.location}/{file.path}" for file in files]
        presigned = await self._artifacts.presign(paths, URL_LIFETIME_SECONDS) if paths else None
        if presigned:
            await budget.spend_issue(f"{table.id}/{version}", sum(file.size for file in files))
        ids = [file_id(file) for file in files]
        urls = presigned or issuer.sign_all(f"assets/{table.id}/{version}/{each}" for each in ids)
        return [
            TableFile(url, id_, file.size, issuer.expires_at, file.partition_values)
            for url, id_, file in zip(urls, ids, files, strict=True)
        ]


_REFUSALS = {
    AuditAction.DELTA_SHARING_QUERY_TABLE_CHANGES: (
        "This table has no change data feed; query the table itself."
    ),
    AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_TABLE_CREDENTIAL: (
        "This table is read by URLs, not by credentials of a bucket (access mode url); query it."
    ),
}


def _enough(files: Sequence[DataFile], limit: int | None) -> Sequence[DataFile]:
    """Files with at least this number of rows together, as far as their numbers of rows are known."""
    if limit is None:
        return files
    rows = 0
    for number, file in enumerate(files):
        if rows >= limit:
            return files[:number]
        if file.rows is None:
            return files
        rows += file.rows
    return files


async def _find(operation: Operation, share: Share, schema: str, table: str) -> SharedLocation:
    name = SharedName(schema.lower(), table.lower())
    found = await operation.rows.shared_assets.find(share.id, ShareObjectType.TABLE, name)
    if found is None:
        raise NotFound(f"The table '{schema}.{table}' does not exist in this share.")
    return found


def _table(share: Share, found: SharedLocation) -> SharedTable:
    return SharedTable(found.id, share, found.shared_name.schema, found.shared_name.name)


def _metadata(table: SharedLocation, snapshot: TableSnapshot) -> TableMetadata:
    return TableMetadata(
        table.id,
        table.shared_name.name,
        snapshot.schema_string,
        snapshot.version,
        snapshot.partition_columns,
    )

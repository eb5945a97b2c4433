"""Tables that a share shows beside its models. Any Delta Sharing client reads their rows."""

from __future__ import annotations

from dataclasses import dataclass

from model_sharing.client.invalid_items import InvalidItems
from model_sharing.client.sharing_client import SharingClient
from model_sharing_protocol.names import INFORMATION_SCHEMA, SchemaName, normalize_name
from model_sharing_protocol.open_sharing import Table


@dataclass(frozen=True, slots=True)
class SharedTable:
    """Table of a mounted share; its catalog is the mount's name.

    `address` is what a Delta Sharing client appends to the path of the profile and `#`: `share.schema.table`.
    """

    full_name: str
    address: str


async def list_shared_tables(
    client: SharingClient, catalog: str, share: str, schema: str | None, origin: str
) -> list[SharedTable]:
    """Tables of a share, or of one schema, but for those that every share has about itself."""

    def make(table: Table) -> SharedTable:
        inside = SchemaName(normalize_name("schema", table.schema), normalize_name("table", table.name))
        return SharedTable(f"{catalog}.{inside}", f"{share}.{inside}")

    found = [
        table
        for table in await client.list_tables(share)
        if table.schema.lower() != INFORMATION_SCHEMA and schema in (None, table.schema.lower())
    ]
    tables = InvalidItems(origin).keep_valid(
        found, make, lambda table: f"the table {table.schema[:80]!a}.{table.name[:80]!a}"
    )
    return sorted(tables, key=lambda table: table.full_name)

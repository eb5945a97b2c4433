"""Tables of a share, for Delta Sharing clients: its own, and the information schema that every share has."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.shared_tables import SharedTable, TableMetadata
from model_sharing_provider.faces.open_sharing.requests import PAGE, page_request, share_name
from model_sharing_provider.faces.open_sharing.responses import ndjson_response, page_response
from model_sharing_provider.faces.open_sharing.table_requests import (
    capability_headers,
    read_query,
    read_revision,
)
from model_sharing_provider.http.parameter_schemas import TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Media, Query, Route
from model_sharing_provider.http.urls import file_url, files_base_url

_TABLES = "/shares/{share}/schemas/{schema}/tables"
_TABLE = _TABLES + "/{table}"
_FORMAT = "delta"


async def list_tables(request: web.Request) -> web.Response:
    """Tables of a schema, or of the whole share."""
    name = share_name(request)
    schema = request.match_info.get("schema")
    listing = f"tables of {name}.{schema or '*'}".lower()
    tables = provider_of(request).shared_tables
    page = await tables.list_tables(context_of(request), name, schema, page_request(request, listing))
    return page_response(page, listing, map(_message, page.items))


async def get_table(request: web.Request) -> web.Response:
    message = _message(await provider_of(request).shared_tables.get(context_of(request), *_table(request)))
    message.format = _FORMAT
    return json_response(message, wire.JSON)


async def table_version(request: web.Request) -> web.Response:
    described = await _describe(request)
    return web.Response(headers=_version_header(described))


async def table_metadata(request: web.Request) -> web.Response:
    capabilities = capability_headers(request)
    described = await _describe(request)
    return ndjson_response(_head(described), _version_header(described) | capabilities)


async def query_table(request: web.Request) -> web.Response:
    """Lines with the table's metadata and one for each of its files."""
    capabilities = capability_headers(request)
    revision, limit = await read_query(request)
    described, files = await provider_of(request).shared_tables.query(
        context_of(request), *_table(request), revision, limit=limit
    )
    base = files_base_url(request)
    lines = (
        wire.TableQueryLine(
            file=wire.TableFile(
                url=file_url(base, file.url),
                id=file.id,
                partition_values=dict(file.partition_values or {}),
                size=file.size,
                expiration_timestamp=file.expires_at,
            )
        )
        for file in files
    )
    return ndjson_response((*_head(described), *lines), _version_header(described) | capabilities)


async def refuse_changes(request: web.Request) -> web.Response:
    read_revision(request)
    action = AuditAction.DELTA_SHARING_QUERY_TABLE_CHANGES
    return await provider_of(request).shared_tables.refuse(context_of(request), action, *_table(request))


async def refuse_credentials(request: web.Request) -> web.Response:
    action = AuditAction.DELTA_SHARING_GENERATE_TEMPORARY_TABLE_CREDENTIAL
    return await provider_of(request).shared_tables.refuse(context_of(request), action, *_table(request))


_LINES = Media(wire.NDJSON, wire.TableQueryLine)
_STATE = (Query("version", TEXT), Query("timestamp", TEXT))
_REFUSED = "always refused, with the reason"

ROUTES = (
    Route(
        "GET",
        "/shares/{share}/all-tables",
        list_tables,
        "All tables of a share",
        wire.Items[wire.Table],
        query=PAGE,
    ),
    Route("GET", _TABLES, list_tables, "The tables of a schema", wire.Items[wire.Table], query=PAGE),
    Route("GET", _TABLE, get_table, "A table", wire.Table),
    Route(
        "GET",
        _TABLE + "/version",
        table_version,
        "A table's version, in the header delta-table-version",
        query=(Query("startingTimestamp", TEXT),),
    ),
    Route(
        "GET", _TABLE + "/metadata", table_metadata, "A table's protocol and metadata", _LINES, query=_STATE
    ),
    Route(
        "POST",
        _TABLE + "/query",
        query_table,
        "A table's files as signed URLs",
        _LINES,
        wire.TableQuery,
        body_required=False,
    ),
    Route("GET", _TABLE + "/changes", refuse_changes, undocumented=_REFUSED),
    Route("POST", _TABLE + "/temporary-table-credentials", refuse_credentials, undocumented=_REFUSED),
)


async def _describe(request: web.Request) -> TableMetadata:
    tables = provider_of(request).shared_tables
    return await tables.describe(context_of(request), *_table(request), read_revision(request))


def _table(request: web.Request) -> tuple[str, str, str]:
    return share_name(request), request.match_info["schema"], request.match_info["table"]


def _message(table: SharedTable) -> wire.Table:
    return wire.Table(
        name=table.name,
        schema=table.schema,
        share=table.share.name,
        id=table.id,
        share_id=table.share.id,
        access_modes=("url",),
    )


def _version_header(described: TableMetadata) -> dict[str, str]:
    return {"delta-table-version": str(described.version)}


def _head(described: TableMetadata) -> tuple[wire.TableQueryLine, wire.TableQueryLine]:
    metadata = wire.TableMetadata(
        id=described.id,
        name=described.name,
        format=wire.TableFormat(provider="parquet"),
        schema_string=described.schema_string,
        partition_columns=described.partition_columns,
    )
    return (
        wire.TableQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        wire.TableQueryLine(meta_data=metadata),
    )

"""The recipients' face: OpenSharing for models, under `/delta-sharing`.

Source: OpenSharing REST protocol; see `model_sharing_protocol.open_sharing` for the messages and for what is
an extension of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import urljoin

import msgspec
from aiohttp import ETag, web
from aiohttp.helpers import ETAG_ANY

from model_sharing_protocol import open_sharing as wire
from model_sharing_protocol.dsse import Envelope
from model_sharing_protocol.names import SharedName, normalize_name, parse_version
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_protocol.signing_keys import KeyList
from model_sharing_provider.domain.sharing import Share, SharedModel, SharedVersion
from model_sharing_provider.http.authentication import authenticate_recipients
from model_sharing_provider.http.errors import render_open_sharing
from model_sharing_provider.http.file_urls import FILES_PREFIX
from model_sharing_provider.http.middlewares import render_errors
from model_sharing_provider.http.requests import base_url, context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.version_storage import storage_location
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.sharing.shares import SYSTEM_SCHEMA

FACE = "open-sharing"
T = TypeVar("T")
_MODEL = "/shares/{share}/schemas/{schema}/models/{model}"
_VERSION = _MODEL + "/versions/{version}"
_TABLES = "/shares/{share}/schemas/{schema}/tables"


def make_app() -> web.Application:
    """The sub-application to mount under the protocol's prefix."""
    app = web.Application(middlewares=[render_errors(render_open_sharing), authenticate_recipients(FACE)])
    app.add_routes(
        [
            # First what each load asks for: routes are tried one after another.
            web.get(_MODEL + "/aliases/{alias}", resolve_alias),
            web.get(_VERSION, get_version),
            web.post(_MODEL + "/aliases/{alias}/query", query_version),
            web.post(_VERSION + "/query", query_version),
            web.get("/keys", list_keys),
            web.get("/shares", list_shares),
            web.get("/shares/{share}", get_share),
            web.get("/shares/{share}/schemas", list_schemas),
            web.get("/shares/{share}/all-models", list_models),
            web.get("/shares/{share}/schemas/{schema}/models", list_models),
            web.get(_MODEL, get_model),
            web.get(_MODEL + "/versions", list_versions),
            web.get(_MODEL + "/aliases", list_aliases),
            web.post(_VERSION + "/temporary-model-version-credentials", temporary_credentials),
            web.post(_VERSION + "/temporary-model-credentials", temporary_credentials),
            web.get("/shares/{share}/all-tables", list_tables),
            web.get(_TABLES, list_tables),
            web.get(_TABLES + "/{table}/version", table_version),
            web.get(_TABLES + "/{table}/metadata", table_metadata),
            web.post(_TABLES + "/{table}/query", query_table),
        ]
    )
    return app


async def list_keys(request: web.Request) -> web.Response:
    provider = provider_of(request)
    keys = await provider.signing.list_keys(_context(request))
    return json_response(KeyList(keys, await provider.recipient_files.file_origins()), wire.JSON)


async def list_shares(request: web.Request) -> web.Response:
    listing = "shares"
    page = await provider_of(request).recipient_view.list_shares(_context(request), _page(request, listing))
    return _items(page, listing, [_share(share) for share in page.items])


async def get_share(request: web.Request) -> web.Response:
    share = await provider_of(request).recipient_view.get_share(_context(request), _share_name(request))
    return json_response(wire.ShareAnswer(share=_share(share)), wire.JSON)


async def list_schemas(request: web.Request) -> web.Response:
    name = _share_name(request)
    listing = f"schemas of {name}"
    view = provider_of(request).recipient_view
    share, page = await view.list_schemas(_context(request), name, _page(request, listing))
    return _items(page, listing, [wire.Schema(name=schema, share=share.name) for schema in page.items])


async def list_models(request: web.Request) -> web.Response:
    name = _share_name(request)
    schema = request.match_info.get("schema")
    listing = f"models of {name}.{schema or '*'}".lower()
    view = provider_of(request).recipient_view
    page = await view.list_models(_context(request), name, schema, _page(request, listing))
    return _items(page, listing, [_model(request, item) for item in page.items])


async def get_model(request: web.Request) -> web.Response:
    view = provider_of(request).recipient_view
    found = await view.get_model(_context(request), _share_name(request), _model_name(request))
    return json_response(_model(request, found), wire.JSON)


async def list_versions(request: web.Request) -> web.Response:
    share, model = _share_name(request), _model_name(request)
    listing = f"versions of {share}.{model}"
    view = provider_of(request).recipient_view
    page = await view.list_versions(_context(request), share, model, _page(request, listing))
    return _items(page, listing, [_version(request, item) for item in page.items])


async def get_version(request: web.Request) -> web.Response:
    number = parse_version(request.match_info["version"])
    provider = provider_of(request)
    found = await provider.recipient_view.get_version(
        _context(request), _share_name(request), _model_name(request), number
    )
    return _version_answer(request, found)


async def list_aliases(request: web.Request) -> web.Response:
    share, model = _share_name(request), _model_name(request)
    listing = f"aliases of {share}.{model}"
    view = provider_of(request).recipient_view
    page = await view.list_aliases(_context(request), share, model, _page(request, listing))
    return _items(page, listing, [wire.Alias(alias=alias, version=version) for alias, version in page.items])


async def resolve_alias(request: web.Request) -> web.Response:
    alias = normalize_name("alias", request.match_info["alias"])
    provider = provider_of(request)
    found = await provider.recipient_view.resolve_alias(
        _context(request), _share_name(request), _model_name(request), alias
    )
    return _version_answer(request, found, alias)


async def query_version(request: web.Request) -> web.Response:
    asked = request.match_info
    alias = normalize_name("alias", asked["alias"]) if "alias" in asked else None
    number = parse_version(asked["version"]) if "version" in asked else None
    provider = provider_of(request)
    found = await provider.recipient_files.version_files(
        _context(request), _share_name(request), _model_name(request), number=number, alias=alias
    )
    version, maps = found.shared.version, found.chunk_maps
    base = f"{base_url(request)}{FILES_PREFIX}/"
    metadata = wire.VersionMetadata(
        version=_version(request, found.shared, provider.signing.state(found.shared, alias)),
        digest=version.digest,
        size=version.size,
        num_files=len(found.files),
        bundle=found.bundle,
        chunk_maps=wire.ChunkMapsFile(urljoin(base, maps.url), maps.file.size, maps.file.sha256)
        if maps
        else None,
        deltas=tuple(
            wire.DeltaFile(urljoin(base, signed.url), delta.target, delta.base, delta.size, delta.sha256)
            for delta, signed in found.deltas
        ),
        pack_url=urljoin(base, found.pack_url) if found.pack_url else None,
    )
    lines = [
        wire.VersionQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        wire.VersionQueryLine(meta_data=metadata),
        *(
            wire.VersionQueryLine(
                file=wire.VersionFile(
                    url=urljoin(base, signed.url),
                    id=signed.file.sha256,
                    path=signed.file.path,
                    size=signed.file.size,
                    sha256=signed.file.sha256,
                    expiration_timestamp=signed.expires_at,
                )
            )
            for signed in found.files
        ),
    ]
    return _ndjson(lines)


async def temporary_credentials(request: web.Request) -> web.Response:
    number = parse_version(request.match_info["version"])
    given = await provider_of(request).recipient_credentials.read(
        _context(request), _share_name(request), _model_name(request), number
    )
    body = msgspec.convert(given, wire.TemporaryCredentials, from_attributes=True)
    return json_response(body, wire.JSON, headers=NO_STORE)


async def list_tables(request: web.Request) -> web.Response:
    name = _share_name(request)
    schema = request.match_info.get("schema")
    listing = f"tables of {name}.{schema or '*'}".lower()
    information_schema = provider_of(request).information_schema
    page = await information_schema.list_tables(_context(request), name, schema, _page(request, listing))
    tables = [wire.Table(name=table, schema=SYSTEM_SCHEMA, share=name) for table in page.items]
    return _items(page, listing, tables)


async def table_version(request: web.Request) -> web.Response:
    described = await provider_of(request).information_schema.describe(_context(request), *_table(request))
    return web.Response(headers={"delta-table-version": str(described.version)})


async def table_metadata(request: web.Request) -> web.Response:
    described = await provider_of(request).information_schema.describe(_context(request), *_table(request))
    lines = _table_head(described.id, described.name, described.schema_string)
    return _ndjson(lines, described.version)


async def query_table(request: web.Request) -> web.Response:
    described, file = await provider_of(request).information_schema.query(_context(request), *_table(request))
    line = wire.TableQueryLine(
        file=wire.TableFile(
            url=f"{base_url(request)}{FILES_PREFIX}/{file.url}",
            id=file.sha256,
            partition_values={},
            size=file.size,
            expiration_timestamp=file.expires_at,
        )
    )
    lines = [*_table_head(described.id, described.name, described.schema_string), line]
    return _ndjson(lines, described.version)


def _context(request: web.Request) -> Context:
    return context_of(request, FACE)


def _page(request: web.Request, listing: str) -> PageRequest:
    return PageRequest.parse(listing, request.query.get("maxResults"), request.query.get("pageToken"))


def _share_name(request: web.Request) -> str:
    return normalize_name("share", request.match_info["share"])


def _model_name(request: web.Request) -> SharedName:
    schema = normalize_name("schema", request.match_info["schema"])
    return SharedName(schema, normalize_name("model", request.match_info["model"]))


def _table(request: web.Request) -> tuple[str, str, str]:
    return _share_name(request), request.match_info["schema"], request.match_info["table"]


def _items(page: Page[T], listing: str, items: Iterable[msgspec.Struct]) -> web.Response:
    body = wire.Items(items=tuple(items), next_page_token=page.token(listing))
    return json_response(body, wire.JSON)


def _version_answer(request: web.Request, found: SharedVersion, alias: str | None = None) -> web.Response:
    """A version with its signed state; 304 for a client whose `If-None-Match` names what it would say.

    The tag is weak: the state is signed again every half minute, and says the same.
    """
    signing = provider_of(request).signing
    tag = ETag(signing.tag(found, msgspec.json.encode(_version(request, found))), is_weak=True)
    known = any(given.value in (tag.value, ETAG_ANY) for given in request.if_none_match or ())
    answer = (
        web.Response(status=web.HTTPNotModified.status_code)
        if known
        else json_response(_version(request, found, signing.state(found, alias)), wire.JSON)
    )
    answer.etag = tag
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _ndjson(lines: Iterable[msgspec.Struct], table_version: int | None = None) -> web.Response:
    headers = {"Content-Type": wire.NDJSON}
    if table_version is not None:
        headers["delta-table-version"] = str(table_version)
    return web.Response(body=msgspec.json.Encoder().encode_lines(lines), headers=headers)


def _table_head(table_id: str, name: str, schema_string: str) -> list[wire.TableQueryLine]:
    metadata = wire.TableMetadata(
        id=table_id,
        name=name,
        format=wire.TableFormat(provider="parquet"),
        schema_string=schema_string,
        partition_columns=(),
    )
    return [
        wire.TableQueryLine(protocol=wire.Protocol(min_reader_version=1)),
        wire.TableQueryLine(meta_data=metadata),
    ]


def _share(share: Share) -> wire.Share:
    return wire.Share(name=share.name, id=share.id, comment=share.comment or None)


def _model(request: web.Request, shown: SharedModel) -> wire.RegisteredModel:
    model = shown.model
    by_credentials = provider_of(request).storage_credentials.offered
    return wire.RegisteredModel(
        name=shown.shared_name.name,
        schema=shown.shared_name.schema,
        share=shown.share.name,
        share_id=shown.share.id,
        id=model.id,
        comment=model.comment or None,
        tags=model.tags,
        aliases=model.aliases,
        latest_version=model.latest_version,
        updated_at=model.updated_at,
        access_modes=("url", "dir") if by_credentials else ("url",),
    )


def _version(request: web.Request, shown: SharedVersion, state: Envelope | None = None) -> wire.ModelVersion:
    version = shown.version
    return wire.ModelVersion(
        model_name=shown.shared_name.name,
        schema=shown.shared_name.schema,
        share=shown.share.name,
        version=version.version,
        status=version.status.value,
        storage_location=storage_location(provider_of(request), version),
        id=version.id,
        run_id=version.run_id or None,
        comment=version.comment or None,
        aliases=version.aliases,
        tags=version.tags,
        signature=version.signature,
        size=version.size,
        digest=version.digest,
        created_at=version.created_at,
        state=state,
    )

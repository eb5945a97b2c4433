"""Metastore summary and assignment: `metastore_summary` and `current-metastore-assignment`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_provider.faces.unity_catalog.requests import message_response
from model_sharing_provider.http.databricks_headers import WORKSPACE_ID
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Route


async def summary(request: web.Request) -> web.Response:
    metastore = await provider_of(request).catalogs.metastore(context_of(request))
    return message_response(
        wire.MetastoreSummary(
            metastore_id=metastore.id,
            name=metastore.name,
            owner=metastore.owner,
            created_at=metastore.created_at,
            privilege_model_version="1.0",
            delta_sharing_scope="INTERNAL_AND_EXTERNAL",
            cloud="",
            region="",
        )
    )


async def assignment(request: web.Request) -> web.Response:
    metastore = await provider_of(request).catalogs.metastore(context_of(request))
    return message_response(
        wire.MetastoreAssignment(
            metastore_id=metastore.id, workspace_id=WORKSPACE_ID, default_catalog_name=""
        )
    )


ROUTES = (
    Route("GET", "/metastore_summary", summary, "The metastore", wire.MetastoreSummary),
    Route("GET", "/current-metastore-assignment", assignment, "The metastore's id", wire.MetastoreAssignment),
)

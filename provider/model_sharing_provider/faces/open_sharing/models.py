"""Models of a share, and their aliases."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import open_sharing as wire
from model_sharing_provider.domain.sharing import SharedModel
from model_sharing_provider.faces.open_sharing.requests import (
    MODEL,
    PAGE,
    model_name,
    page_request,
    share_name,
)
from model_sharing_provider.faces.open_sharing.responses import page_response
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Route
from model_sharing_provider.http.version_fields import format_fields
from model_sharing_provider.services.provider_services import ProviderServices


async def list_models(request: web.Request) -> web.Response:
    """Models of a schema, or of the whole share."""
    name = share_name(request)
    schema = request.match_info.get("schema")
    listing = f"models of {name}.{schema or '*'}".lower()
    provider, asked = provider_of(request), page_request(request, listing)
    page = await provider.recipient_view.list_models(context_of(request), name, schema, asked)
    return page_response(page, listing, [_model(provider, item) for item in page.items])


async def get_model(request: web.Request) -> web.Response:
    provider, share, name = provider_of(request), share_name(request), model_name(request)
    found = await provider.recipient_view.get_model(context_of(request), share, name)
    return json_response(_model(provider, found), wire.JSON)


async def list_aliases(request: web.Request) -> web.Response:
    share, model = share_name(request), model_name(request)
    listing = f"aliases of {share}.{model}"
    view = provider_of(request).recipient_view
    page = await view.list_aliases(context_of(request), share, model, page_request(request, listing))
    aliases = [wire.Alias(alias=alias, version=version) for alias, version in page.items]
    return page_response(page, listing, aliases)


_MODELS = wire.Items[wire.RegisteredModel]

ROUTES = (
    Route("GET", "/shares/{share}/all-models", list_models, "All models of a share", _MODELS, query=PAGE),
    Route(
        "GET",
        "/shares/{share}/schemas/{schema}/models",
        list_models,
        "The models of a schema",
        _MODELS,
        query=PAGE,
    ),
    Route("GET", MODEL, get_model, "A model", wire.RegisteredModel),
    Route(
        "GET",
        MODEL + "/aliases",
        list_aliases,
        "EXTENSION: the aliases of a model",
        wire.Items[wire.Alias],
        query=PAGE,
    ),
)


def _model(provider: ProviderServices, shown: SharedModel) -> wire.RegisteredModel:
    model = shown.model
    location = provider.storage_credentials.model_location(model.id)
    return wire.RegisteredModel(
        name=shown.shared_name.name,
        schema=shown.shared_name.schema,
        share=shown.share.name,
        share_id=shown.share.id,
        id=model.id,
        comment=model.comment or None,
        storage_location=location,
        tags=model.tags,
        aliases=model.aliases,
        latest_version=model.latest_version,
        updated_at=model.updated_at,
        access_modes=("url", "dir") if location else ("url",),
        **format_fields(model, wire.ModelSummary),
    )

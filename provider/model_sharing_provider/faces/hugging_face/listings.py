"""Listings of models: of a share, or of those in the metastore that a principal may read."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.hugging_face import messages, paths
from model_sharing_protocol.hugging_face.headers import next_link
from model_sharing_protocol.hugging_face.model_info import ModelFacts, matches, model_info, tag_words
from model_sharing_protocol.names import SchemaName, normalize_name
from model_sharing_protocol.pages import Page, PageRequest
from model_sharing_provider.domain.securables import RegisteredModel
from model_sharing_provider.faces.hugging_face.endpoints import endpoint_url
from model_sharing_provider.http.parameter_schemas import PAGE_SIZE, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import json_response
from model_sharing_provider.http.routes import Query, Route

_NOTHING: Page[ModelFacts] = Page([])
_CONDITIONS = ("search", "filter", "pipeline_tag")


async def list_models(request: web.Request) -> web.Response:
    """Page of the models, by name, that are as asked for. A page may have fewer than are asked for."""
    asked = request.query
    author = asked.get("author", "")
    listing = f"repositories of {request.match_info.get('share', '')}/{author}".lower()
    conditions = any(asked.get(name) for name in _CONDITIONS)
    # What does not match counts, too: so a page of a search is as long as can be.
    page = PageRequest.parse(listing, None if conditions else asked.get("limit"), asked.get("cursor"))
    found = await (
        _shared(request, author, page) if "share" in request.match_info else _own(request, author, page)
    )
    filters = asked.getall("filter", [])
    infos = [
        info
        for info in map(model_info, found.items)
        if matches(info, search=asked.get("search", ""), filters=filters, task=asked.get("pipeline_tag", ""))
    ]
    return json_response(infos, messages.JSON, headers=next_link(_next_url(request, found.token(listing))))


async def _shared(request: web.Request, author: str, page: PageRequest) -> Page[ModelFacts]:
    view, share = provider_of(request).recipient_view, normalize_name("share", request.match_info["share"])
    try:
        found = await view.list_models(context_of(request), share, author or None, page)
    except NotFound:
        if not author:
            raise
        await view.get_share(context_of(request), share)
        return _NOTHING
    facts = [_facts(item.shared_name.schema, item.shared_name.name, item.model) for item in found.items]
    return Page(facts, found.last_key)


async def _own(request: web.Request, author: str, page: PageRequest) -> Page[ModelFacts]:
    models = provider_of(request).models
    if author:
        try:
            found = await models.page(context_of(request), SchemaName.parse(author), page)
        except (InvalidParameter, NotFound):
            return _NOTHING
    else:
        found = await models.search(context_of(request), page)
    facts = [_facts(str(model.full_name.schema_name), model.full_name.name, model) for model in found.items]
    return Page(facts, found.last_key)


def _facts(namespace: str, name: str, model: RegisteredModel) -> ModelFacts:
    return ModelFacts(
        namespace=namespace,
        name=name,
        created_at=model.created_at,
        updated_at=model.updated_at,
        format=model.format,
        license=model.license,
        summary=model.summary,
        tags=tag_words(model.tags),
    )


def _next_url(request: web.Request, token: str | None) -> str:
    if token is None:
        return ""
    query = [(name, value) for name, value in request.query.items() if name != "cursor"]
    return f"{endpoint_url(request)}{paths.MODELS}?{urlencode([*query, ('cursor', token)])}"


_LIST = tuple[messages.ModelInfo, ...]

ROUTES = (
    Route(
        "GET",
        paths.MODELS,
        list_models,
        "Models by name, in pages that a Link leads on from",
        _LIST,
        query=(
            *(Query(name, TEXT) for name in ("author", *_CONDITIONS, "cursor")),
            Query("limit", PAGE_SIZE),
        ),
        errors=(NotFound,),
    ),
)

"""Providers that share with this metastore, and their shares: `providers`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.errors import AlreadyExists, UnsupportedOperation
from model_sharing_protocol.pages import page_of
from model_sharing_provider.domain.sharing import ProviderAuthentication, SharingProvider
from model_sharing_provider.faces.unity_catalog.requests import (
    message_response,
    page_response,
    refuse_query,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import PAGE
from model_sharing_provider.http.requests import context_of, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Route
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def create_provider(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.CreateProvider)
    if body.authentication_type not in tuple(ProviderAuthentication):
        raise UnsupportedOperation(
            f"The authentication_type {body.authentication_type!r} is not supported here; "
            f"use one of {', '.join(ProviderAuthentication)}."
        )
    providers = provider_of(request).providers
    created = await providers.create(context_of(request), body.name, body.recipient_profile_str, body.comment)
    return message_response(_provider(created))


async def list_providers(request: web.Request) -> web.Response:
    refuse_query(request, "data_provider_global_metastore_id")
    listing = "providers"
    page = await provider_of(request).providers.page(context_of(request), page_request(request, listing))
    return page_response("providers", listing, page, _provider)


async def get_provider(request: web.Request) -> web.Response:
    found = await provider_of(request).providers.get(context_of(request), request.match_info["name"])
    return message_response(_provider(found))


async def update_provider(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.UpdateProvider)
    changes = SecurableUpdate(new_name=body.new_name, comment=body.comment, owner=body.owner)
    providers = provider_of(request).providers
    name = request.match_info["name"]
    updated = await providers.update(context_of(request), name, changes, body.recipient_profile_str)
    return message_response(_provider(updated))


async def delete_provider(request: web.Request) -> web.Response:
    await provider_of(request).providers.delete(context_of(request), request.match_info["name"])
    return message_response({})


async def list_shares(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    listing = f"shares of {name}"
    page = page_request(request, listing)
    shares = await provider_of(request).providers.shares(context_of(request), name)
    return page_response(
        "shares",
        listing,
        page_of(shares, page, str),
        sharing.ProviderShare,
    )


ROUTES = (
    Route(
        "POST",
        "/providers",
        create_provider,
        "Add a provider",
        sharing.ProviderInfo,
        sharing.CreateProvider,
        errors=(AlreadyExists,),
    ),
    Route(
        "GET",
        "/providers",
        list_providers,
        "All providers",
        PageOf("providers", sharing.ProviderInfo),
        query=PAGE,
    ),
    Route("GET", "/providers/{name}", get_provider, "A provider", sharing.ProviderInfo),
    Route(
        "PATCH",
        "/providers/{name}",
        update_provider,
        "Change a provider",
        sharing.ProviderInfo,
        sharing.UpdateProvider,
        errors=(AlreadyExists,),
    ),
    Route("DELETE", "/providers/{name}", delete_provider, "Delete a provider", Nothing),
    Route(
        "GET",
        "/providers/{name}/shares",
        list_shares,
        "Shares of a provider",
        PageOf("shares", sharing.ProviderShare),
        query=PAGE,
    ),
)


def _provider(provider: SharingProvider) -> sharing.ProviderInfo:
    by_token = provider.authentication_type is ProviderAuthentication.TOKEN
    return sharing.ProviderInfo(
        name=provider.name,
        authentication_type=provider.authentication_type,
        owner=provider.owner,
        comment=provider.comment,
        recipient_profile=sharing.RecipientProfile(
            share_credentials_version=1 if by_token else 2, endpoint=provider.endpoint
        ),
        created_at=provider.created_at,
        updated_at=provider.updated_at,
        created_by=provider.created_by,
        updated_by=provider.updated_by,
    )

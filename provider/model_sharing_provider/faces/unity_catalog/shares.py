"""Shares, their objects and the recipients they are granted to: `shares`."""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter
from model_sharing_provider.domain.sharing import Share, ShareChange, ShareObject, ShareObjectType
from model_sharing_provider.faces.unity_catalog.requests import message_response, page_response
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import BOOLEAN, PAGE
from model_sharing_provider.http.requests import context_of, flag, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route
from model_sharing_provider.services.registry.updates import SecurableUpdate


async def create_share(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.CreateShare)
    shares = provider_of(request).shares
    created = await shares.create(context_of(request), body.name, body.comment, resharing=body.resharing)
    return message_response(_share(created))


async def list_shares(request: web.Request) -> web.Response:
    listing = "shares"
    page = await provider_of(request).shares.page(context_of(request), page_request(request, listing))
    return page_response("shares", listing, page, _share)


async def get_share(request: web.Request) -> web.Response:
    share, objects, _ = await provider_of(request).shares.get(context_of(request), request.match_info["name"])
    with_objects = flag(request, "include_shared_data")
    return message_response(_share(share, objects if with_objects else None))


async def update_share(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.UpdateShare)
    objects_changed = [change for update in body.updates for change in _changes(update)]
    changes = SecurableUpdate(new_name=body.new_name, comment=body.comment, owner=body.owner)
    shares = provider_of(request).shares
    name = request.match_info["name"]
    share, objects = await shares.update(
        context_of(request), name, objects_changed, changes, resharing=body.resharing
    )
    return message_response(_share(share, objects))


async def delete_share(request: web.Request) -> web.Response:
    await provider_of(request).shares.delete(context_of(request), request.match_info["name"])
    return message_response({})


ROUTES = (
    Route(
        "POST",
        "/shares",
        create_share,
        "New share",
        sharing.ShareInfo,
        sharing.CreateShare,
        errors=(AlreadyExists,),
    ),
    Route("GET", "/shares", list_shares, "All shares", PageOf("shares", sharing.ShareInfo), query=PAGE),
    Route(
        "GET",
        "/shares/{name}",
        get_share,
        "A share",
        sharing.ShareInfo,
        query=(Query("include_shared_data", BOOLEAN),),
    ),
    Route(
        "PATCH",
        "/shares/{name}",
        update_share,
        "Change a share and its objects",
        sharing.ShareInfo,
        sharing.UpdateShare,
        errors=(AlreadyExists,),
    ),
    Route("DELETE", "/shares/{name}", delete_share, "Delete a share", Nothing),
)


def _changes(update: sharing.ShareUpdate) -> list[ShareChange]:
    """Changes to a share. UPDATE renames an object, by removing and adding it."""
    data = update.data_object
    kind = (data.data_object_type or "MODEL").upper()
    if kind not in ShareObjectType.__members__:
        known = ", ".join(ShareObjectType)
        raise InvalidParameter(f"The data_object_type {kind!r} cannot be shared; these can: {known}.")
    shared_as = data.string_shared_as or data.shared_as or ""
    # The name of a table, volume or skill is its location, whose case matters.
    name = data.name if kind in ("TABLE", "VOLUME", "SKILL") else data.name.lower()
    shared_as = shared_as.lower()
    added = ShareChange(True, ShareObjectType(kind), name, shared_as)
    if update.action == "ADD":
        return [added]
    if update.action == "REMOVE":
        return [ShareChange(False, ShareObjectType(kind), name, shared_as)]
    return [ShareChange(False, ShareObjectType(kind), name), added]


def _share(share: Share, objects: list[ShareObject] | None = None) -> sharing.ShareInfo:
    return sharing.ShareInfo(
        name=share.name,
        comment=share.comment,
        owner=share.owner,
        id=share.id,
        objects=tuple(map(_object, objects)) if objects is not None else None,
        created_at=share.created_at,
        updated_at=share.updated_at,
        created_by=share.created_by,
        updated_by=share.updated_by,
        resharing=share.resharing,
    )


def _object(item: ShareObject) -> sharing.SharedDataObject:
    return sharing.SharedDataObject(
        name=item.name,
        data_object_type=item.type.value,
        string_shared_as=item.shared_as,
        shared_as=item.shared_as,
        comment=item.skill.description if item.skill else None,
        status=item.status.value,
        added_at=item.added_at,
        added_by=item.added_by,
    )

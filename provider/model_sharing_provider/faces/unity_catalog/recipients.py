"""Recipients, their tokens and the shares granted to them: `recipients`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TypedDict

import msgspec
from aiohttp import web

from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.errors import AlreadyExists, InvalidParameter, UnsupportedOperation
from model_sharing_protocol.times import now_ms
from model_sharing_protocol.unity_catalog_permissions import PrivilegeAssignment
from model_sharing_provider.domain.recipient_limits import DEFAULT_LIMITS, RecipientLimits
from model_sharing_provider.domain.sharing import AuthenticationType, Recipient
from model_sharing_provider.faces.unity_catalog.requests import (
    message_response,
    page_or_all,
    page_response,
    refuse_query,
)
from model_sharing_provider.http.application_values import application_of
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import PAGE
from model_sharing_provider.http.requests import SERVES_PAGES, context_of, page_request, provider_of
from model_sharing_provider.http.responses import NO_STORE
from model_sharing_provider.http.routes import Nothing, PageOf, Route
from model_sharing_provider.http.urls import activation_link, base_url
from model_sharing_provider.services.registry.updates import SecurableUpdate
from model_sharing_provider.services.sharing.recipients import DEFAULT_LIFETIME


class _Described(TypedDict):
    """Description of a new recipient of either kind."""

    comment: str
    owner: str | None
    ip_access_list: Sequence[str]
    properties: Mapping[str, str] | None


async def create_recipient(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.CreateRecipient)
    if body.authentication_type not in tuple(AuthenticationType):
        raise UnsupportedOperation(
            f"The authentication_type {body.authentication_type!r} is not supported here; "
            "use TOKEN or OIDC_FEDERATION."
        )
    recipients = provider_of(request).recipients
    described: _Described = {
        "comment": body.comment,
        "owner": body.owner,
        "ip_access_list": body.ip_access_list.allowed_ip_addresses if body.ip_access_list else (),
        "properties": body.properties_kvpairs.properties if body.properties_kvpairs else None,
    }
    if body.authentication_type == AuthenticationType.OIDC_FEDERATION:
        if body.expiration_time is not None:
            raise InvalidParameter(
                "expiration_time is that of a token, and this recipient has none; leave it out."
            )
        federated = await recipients.create_federated(context_of(request), body.name, **described)
        return message_response(_recipient(federated))
    lifetime = DEFAULT_LIFETIME
    if body.expiration_time is not None:
        lifetime = timedelta(milliseconds=body.expiration_time - now_ms())
    created, code = await recipients.create(context_of(request), body.name, lifetime=lifetime, **described)
    return message_response(_recipient(created, _link(request, code)))


async def list_recipients(request: web.Request) -> web.Response:
    refuse_query(request, "data_recipient_global_metastore_id")
    listing = "recipients"
    page = await provider_of(request).recipients.page(context_of(request), page_request(request, listing))
    return page_response("recipients", listing, page, _recipient)


async def get_recipient(request: web.Request) -> web.Response:
    recipients = provider_of(request).recipients
    found, _ = await recipients.get(context_of(request), request.match_info["name"])
    code = recipients.activation_code(found)
    shown = _recipient(found, _link(request, code) if code else "")
    return message_response(shown, NO_STORE if code else None)


async def update_recipient(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.UpdateRecipient)
    properties = body.properties_kvpairs.properties if body.properties_kvpairs else None
    changes = SecurableUpdate(
        new_name=body.new_name, comment=body.comment, owner=body.owner, properties=properties
    )
    networks = body.ip_access_list.allowed_ip_addresses if body.ip_access_list else None
    recipients = provider_of(request).recipients
    name = request.match_info["name"]
    limits = body.limits and RecipientLimits(**msgspec.structs.asdict(body.limits))
    updated = await recipients.update(
        context_of(request), name, changes, networks, (lambda _: limits) if limits else None
    )
    return message_response(_recipient(updated))


async def delete_recipient(request: web.Request) -> web.Response:
    await provider_of(request).recipients.delete(context_of(request), request.match_info["name"])
    return message_response({})


async def rotate_token(request: web.Request) -> web.Response:
    body = await read_body(request, sharing.RotateToken)
    name = request.match_info["name"]
    recipients = provider_of(request).recipients
    ends = timedelta(seconds=body.existing_token_expire_in_seconds)
    code = await recipients.rotate_token(context_of(request), name, existing_expires_in=ends)
    found, _ = await recipients.get(context_of(request), name)
    return message_response(_recipient(found, _link(request, code)))


async def share_permissions(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    _, grants = await provider_of(request).recipients.get(context_of(request), name)
    permissions = [
        sharing.SharePermission(
            share_name=grant.share,
            privilege_assignments=(
                PrivilegeAssignment(principal=grant.recipient, privileges=(grant.privilege,)),
            ),
        )
        for grant in grants
    ]
    listing = f"what {name} was granted"
    return message_response(
        sharing.RecipientSharePermissions(
            *page_or_all(request, listing, permissions, lambda each: each.share_name)
        )
    )


ROUTES = (
    Route(
        "POST",
        "/recipients",
        create_recipient,
        "New recipient, with its activation link",
        sharing.RecipientInfo,
        sharing.CreateRecipient,
        errors=(AlreadyExists,),
    ),
    Route(
        "GET",
        "/recipients",
        list_recipients,
        "All recipients",
        PageOf("recipients", sharing.RecipientInfo),
        query=PAGE,
    ),
    Route("GET", "/recipients/{name}", get_recipient, "A recipient", sharing.RecipientInfo),
    Route(
        "PATCH",
        "/recipients/{name}",
        update_recipient,
        "Change a recipient",
        sharing.RecipientInfo,
        sharing.UpdateRecipient,
        errors=(AlreadyExists,),
    ),
    Route("DELETE", "/recipients/{name}", delete_recipient, "Delete a recipient", Nothing),
    Route(
        "POST",
        "/recipients/{name}/rotate-token",
        rotate_token,
        "New activation link",
        sharing.RecipientInfo,
        sharing.RotateToken,
    ),
    Route(
        "GET",
        "/recipients/{name}/share-permissions",
        share_permissions,
        "Shares granted to a recipient",
        sharing.RecipientSharePermissions,
        query=PAGE,
    ),
)


def _link(request: web.Request, code: str) -> str:
    return activation_link(base_url(request), code, pages=application_of(request)[SERVES_PAGES])


def _recipient(recipient: Recipient, activation_url: str = "") -> sharing.RecipientInfo:
    """Message about a recipient. The activation link is that of the newest token, until it is used."""
    tokens = [
        sharing.RecipientTokenInfo(id=token.id, expiration_time=token.expires_at, created_at=token.created_at)
        for token in recipient.tokens
    ]
    limits = recipient.limits
    if tokens:
        tokens[-1].activation_url = activation_url
    return sharing.RecipientInfo(
        name=recipient.name,
        authentication_type=recipient.authentication_type,
        comment=recipient.comment,
        owner=recipient.owner,
        id=recipient.id,
        activated=recipient.activated,
        activation_url=activation_url,
        ip_access_list=sharing.IpAccessList(recipient.ip_access_list) if recipient.ip_access_list else None,
        properties_kvpairs=sharing.Properties(recipient.properties) if recipient.properties else None,
        limits=sharing.RecipientLimits(**asdict(limits)) if limits != DEFAULT_LIMITS else None,
        tokens=tuple(tokens),
        created_at=recipient.created_at,
        updated_at=recipient.updated_at,
        created_by=recipient.created_by,
        updated_by=recipient.updated_by,
    )

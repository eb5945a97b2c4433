"""Token faces: access tokens of the caller, and for administrators those of all principals.

Source: the Token and Token Management APIs as `databricks.sdk` 0.156 calls them. Times are epoch
milliseconds; -1 stands for a token that does not expire.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
from aiohttp import web

from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.unity_catalog import JSON
from model_sharing_provider.domain.principals import AccessToken, PrincipalInfo
from model_sharing_provider.http.authentication import authenticate_principal
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY, TEXT
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.responses import NO_STORE, json_response
from model_sharing_provider.http.routes import Face, Nothing, Query, Route

_NEVER = -1


class TokenInfo(msgspec.Struct, omit_defaults=True):
    """Access token without its secret; the holder is named where it may be anybody's."""

    token_id: str
    creation_time: int
    expiry_time: int
    comment: str = ""
    created_by_username: str = ""


class TokenInfos(msgspec.Struct):
    token_infos: tuple[TokenInfo, ...]


class OneToken(msgspec.Struct):
    token_info: TokenInfo


class CreatedToken(msgspec.Struct):
    """New token; its value is not shown again."""

    token_value: str
    token_info: TokenInfo


class CreateToken(msgspec.Struct):
    comment: str = ""
    lifetime_seconds: int | None = None


class CreateTokenFor(msgspec.Struct):
    """Token to create for the service principal or user whose name is the application id."""

    application_id: str
    comment: str = ""
    lifetime_seconds: int | None = None


class DeleteToken(msgspec.Struct):
    token_id: str


async def create_own(request: web.Request) -> web.Response:
    body = await read_body(request, CreateToken)
    tokens = provider_of(request).access_tokens
    token, secret = await tokens.create(context_of(request), lifetime=_lifetime(body), comment=body.comment)
    return json_response(CreatedToken(secret, _info(token)), JSON, headers=NO_STORE)


async def list_own(request: web.Request) -> web.Response:
    tokens = await provider_of(request).access_tokens.own(context_of(request))
    return json_response(TokenInfos(tuple(map(_info, tokens))), JSON)


async def delete_own(request: web.Request) -> web.Response:
    body = await read_body(request, DeleteToken)
    await provider_of(request).access_tokens.revoke_own(context_of(request), body.token_id)
    return json_response({}, JSON)


async def create_for_another(request: web.Request) -> web.Response:
    body = await read_body(request, CreateTokenFor)
    principals = provider_of(request).principals
    token, secret = await principals.create_token(
        context_of(request), body.application_id, lifetime=_lifetime(body), comment=body.comment
    )
    return json_response(CreatedToken(secret, _info(token)), JSON, headers=NO_STORE)


async def list_all(request: web.Request) -> web.Response:
    """Tokens of all principals, or of the one whose name is given."""
    principals = provider_of(request).principals
    found: list[TokenInfo] = []
    if name := request.query.get("created_by_username", ""):
        found += _infos(await principals.get(context_of(request), name))
        return json_response(TokenInfos(tuple(found)), JSON)
    after: str | None = None
    while True:
        page = await principals.page(context_of(request), PageRequest(after=after))
        found += [info for principal in page.items for info in _infos(principal)]
        if page.last_key is None:
            return json_response(TokenInfos(tuple(found)), JSON)
        after = page.last_key


async def get_token(request: web.Request) -> web.Response:
    holder = await provider_of(request).access_tokens.find(context_of(request), request.match_info["id"])
    return json_response(OneToken(_infos(holder)[0]), JSON)


async def delete_token(request: web.Request) -> web.Response:
    await provider_of(request).access_tokens.revoke(context_of(request), request.match_info["id"])
    return json_response({}, JSON)


def _lifetime(body: CreateToken | CreateTokenFor) -> timedelta | None:
    seconds = body.lifetime_seconds
    if seconds is None or seconds == _NEVER:
        return None
    if abs(seconds) > timedelta.max.total_seconds() // 2:
        raise InvalidParameter(f"lifetime_seconds={seconds} is not a lifetime.")
    return timedelta(seconds=seconds)


def _infos(holder: PrincipalInfo) -> list[TokenInfo]:
    name = holder.principal.name
    return [msgspec.structs.replace(_info(token), created_by_username=name) for token in holder.tokens]


def _info(token: AccessToken) -> TokenInfo:
    return TokenInfo(
        token_id=token.id,
        creation_time=token.created_at,
        expiry_time=_NEVER if token.expires_at is None else token.expires_at,
        comment=token.comment,
    )


_OWN = Face(
    name="tokens",
    prefix="/api/2.0/token",
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    documented_in="unity-catalog",
    routes=(
        Route("POST", "/create", create_own, "New token for yourself", CreatedToken, CreateToken),
        Route("GET", "/list", list_own, "Your tokens", TokenInfos),
        Route(
            "POST",
            "/delete",
            delete_own,
            "Revoke a token of yours",
            Nothing,
            DeleteToken,
            errors=(NotFound,),
        ),
    ),
)
_ALL = Face(
    name="token-management",
    prefix="/api/2.0/token-management",
    authentication=authenticate_principal,
    errors=UNITY_CATALOG_ERRORS,
    parameters={"id": NOT_EMPTY},
    documented_in="unity-catalog",
    routes=(
        Route(
            "POST",
            "/on-behalf-of/tokens",
            create_for_another,
            "New token for a principal",
            CreatedToken,
            CreateTokenFor,
            errors=(NotFound,),
        ),
        Route(
            "GET",
            "/tokens",
            list_all,
            "Tokens of all principals",
            TokenInfos,
            query=(Query("created_by_username", TEXT),),
            errors=(NotFound,),
        ),
        Route("GET", "/tokens/{id}", get_token, "A token, and whose it is", OneToken, errors=(NotFound,)),
        Route("DELETE", "/tokens/{id}", delete_token, "Revoke a token", Nothing, errors=(NotFound,)),
    ),
)
FACES = (_ALL, _OWN)

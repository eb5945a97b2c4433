"""Pulls of a model's versions by recipients: `models/…/pulls`, an extension."""

from __future__ import annotations

import msgspec
from aiohttp import web

from model_sharing_protocol import unity_catalog_sharing as sharing
from model_sharing_protocol.names import parse_version
from model_sharing_provider.faces.unity_catalog.requests import message_response, model_name
from model_sharing_provider.http.parameter_schemas import VERSION
from model_sharing_provider.http.requests import context_of, provider_of
from model_sharing_provider.http.routes import Query, Route


async def who_pulled(request: web.Request) -> web.Response:
    given = request.query.get("version")
    number = parse_version(given) if given else None
    history = provider_of(request).pull_history
    pulls, lags = await history.who_pulled(context_of(request), model_name(request), number)
    return message_response(
        sharing.ModelPulls(
            tuple(msgspec.convert(each, sharing.VersionPull, from_attributes=True) for each in pulls),
            tuple(msgspec.convert(each, sharing.AliasLag, from_attributes=True) for each in lags),
        )
    )


ROUTES = (
    Route(
        "GET",
        "/models/{full_name}/pulls",
        who_pulled,
        "EXTENSION: the recipients that pulled a model's versions",
        sharing.ModelPulls,
        query=(Query("version", VERSION),),
    ),
)

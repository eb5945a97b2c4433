"""Tags on models and versions: as MLflow sets them, and as the SDKs' `entity_tag_assignments` do.

Entities are models (`models`, `registered_models` or `functions`) by their full name, and versions
(`modelversions`) as `catalog.schema.model/3`.
"""

from __future__ import annotations

from aiohttp import web

from model_sharing_protocol import unity_catalog as wire
from model_sharing_protocol.errors import InvalidParameter, NotFound
from model_sharing_protocol.names import FullName, parse_version
from model_sharing_protocol.pages import page_of
from model_sharing_provider.faces.unity_catalog.requests import (
    check_unchanged,
    message_response,
    page_response,
)
from model_sharing_provider.http.bodies import read_body
from model_sharing_provider.http.parameter_schemas import NOT_EMPTY, PAGE
from model_sharing_provider.http.requests import context_of, page_request, provider_of
from model_sharing_provider.http.routes import Nothing, PageOf, Query, Route
from model_sharing_provider.services.registry.tags import TagChange

_MODEL_TYPES = ("function", "functions", "model", "models", "registered_model", "registered_models")
_VERSION_TYPES = ("modelversion", "modelversions", "model_version", "model_versions")


async def update_model_tags(request: web.Request) -> web.Response:
    name, _ = _entity(request)
    body = await read_body(request, wire.UpdateTags)
    await provider_of(request).models.tag(context_of(request), name, _change(body.changes))
    return message_response({})


async def update_version_tags(request: web.Request) -> web.Response:
    name, _ = _entity(request)
    number = parse_version(request.match_info["version"])
    body = await read_body(request, wire.UpdateTags)
    await provider_of(request).versions.tag(context_of(request), name, number, _change(body.changes))
    return message_response({})


async def create_assignment(request: web.Request) -> web.Response:
    body = await read_body(request, wire.EntityTagAssignment)
    entity = _parse_entity(body.entity_type, body.entity_name)
    await _apply(request, *entity, TagChange(add={body.tag_key: body.tag_value}))
    return message_response(body)


async def list_assignments(request: web.Request) -> web.Response:
    tags = await _tags(request, *_entity(request))
    listing = f"tags of {request.match_info['name']}"
    page = page_of(tags.items(), page_request(request, listing), lambda item: item[0])
    return page_response(
        "tag_assignments", listing, page, lambda item: _assignment(request, item[0], item[1])
    )


async def get_assignment(request: web.Request) -> web.Response:
    tags = await _tags(request, *_entity(request))
    key = request.match_info["key"]
    if key not in tags:
        raise NotFound(f"The tag {key!r} does not exist on {request.match_info['name']!r}.")
    return message_response(_assignment(request, key, tags[key]))


async def update_assignment(request: web.Request) -> web.Response:
    body = await read_body(request, wire.UpdateEntityTag)
    key = request.match_info["key"]
    check_unchanged(body, _assignment(request, key, body.tag_value), "entity_type", "entity_name", "tag_key")
    if request.query.get("update_mask", "tag_value") not in ("tag_value", "*"):
        raise InvalidParameter("Only tag_value of a tag assignment can be updated.")
    await _apply(request, *_entity(request), TagChange(add={key: body.tag_value}))
    return message_response(_assignment(request, key, body.tag_value))


async def delete_assignment(request: web.Request) -> web.Response:
    await _apply(request, *_entity(request), TagChange(remove=[request.match_info["key"]]))
    return message_response({})


def _entity(request: web.Request) -> tuple[FullName, int | None]:
    return _parse_entity(request.match_info["type"], request.match_info["name"])


def _parse_entity(kind: str, name: str) -> tuple[FullName, int | None]:
    if kind.lower() in _MODEL_TYPES:
        return FullName.parse(name), None
    if kind.lower() in _VERSION_TYPES:
        model, _, number = name.rpartition("/")
        return FullName.parse(model), parse_version(number)
    raise InvalidParameter(f"Tags on {kind!r} are not supported; use models or modelversions.")


async def _tags(request: web.Request, name: FullName, number: int | None) -> dict[str, str]:
    provider = provider_of(request)
    if number is None:
        return (await provider.models.get(context_of(request), name)).tags
    return (await provider.versions.get(context_of(request), name, number)).tags


async def _apply(request: web.Request, name: FullName, number: int | None, change: TagChange) -> None:
    provider = provider_of(request)
    if number is None:
        await provider.models.tag(context_of(request), name, change)
    else:
        await provider.versions.tag(context_of(request), name, number, change)


def _change(changes: wire.TagChanges) -> TagChange:
    return TagChange({tag.key: tag.value for tag in changes.add_tags}, changes.remove)


def _assignment(request: web.Request, key: str, value: str) -> wire.EntityTagAssignment:
    entity = request.match_info
    return wire.EntityTagAssignment(entity["type"], entity["name"], key, value)


_ENTITY = "/entity-tag-assignments/{type}/{name:[^/]+(?:/[0-9]+)?}/tags"

ROUTES = (
    Route(
        "PATCH",
        "/securable-tags/{type}/{name}",
        update_model_tags,
        "Change a model's tags",
        Nothing,
        wire.UpdateTags,
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "PATCH",
        "/subentity-tags/{type}/{name}/{version}",
        update_version_tags,
        "Change a version's tags",
        Nothing,
        wire.UpdateTags,
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "POST",
        "/entity-tag-assignments",
        create_assignment,
        "Set a tag",
        wire.EntityTagAssignment,
        wire.EntityTagAssignment,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        _ENTITY,
        list_assignments,
        "The tags of a model or version",
        PageOf("tag_assignments", wire.EntityTagAssignment),
        query=PAGE,
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "GET",
        _ENTITY + "/{key}",
        get_assignment,
        "A tag",
        wire.EntityTagAssignment,
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "PATCH",
        _ENTITY + "/{key}",
        update_assignment,
        "Set a tag",
        wire.EntityTagAssignment,
        wire.UpdateEntityTag,
        query=(Query("update_mask", {"enum": ["tag_value", "*"]}),),
        parameters={"name": NOT_EMPTY},
    ),
    Route(
        "DELETE",
        _ENTITY + "/{key}",
        delete_assignment,
        "Remove a tag",
        Nothing,
        parameters={"name": NOT_EMPTY},
    ),
)

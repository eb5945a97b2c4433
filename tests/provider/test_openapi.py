"""The OpenAPI documents say what there is: every route, and nothing else, in words that validate."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from openapi_spec_validator import validate

from model_sharing_provider.faces.health import health
from model_sharing_provider.faces.openapi import PREFIX
from model_sharing_provider.faces.table import APIS, FACES
from model_sharing_provider.http.errors import UNITY_CATALOG_ERRORS
from model_sharing_provider.http.routes import Face, Route

DOCUMENTED = [face.name for face in APIS if face.title]


async def fetch(server: TestServer, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(server.make_url(path)) as answer:
        return answer.status, json.loads(await answer.read())


async def test_the_server_serves_the_table_of_routes_and_nothing_else(server: TestServer) -> None:
    assert server.app is not None
    served: set[tuple[str, str]] = set()
    for resource in server.app.router.resources():
        for route in resource:
            assert route.resource is not None
            if route.method != "HEAD":
                served.add((route.method, route.resource.canonical))
    assert served == {(route.method, face.path(route)) for face in FACES for route in face.routes}


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_documents_validate_and_are_served_to_anybody(server: TestServer, name: str) -> None:
    status, document = await fetch(server, f"{PREFIX}/{name}.json")
    assert status == 200
    validate(document)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    described = [
        (route.method, path)
        for face in APIS
        if name in (face.name, face.documented_in)
        for route in face.routes
        if route.summary
        for path in face.documented_paths(route)
    ]
    assert len(operations) == len(set(described)) == len(described)
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


def test_a_route_is_described_or_says_why_not() -> None:
    with pytest.raises(ValueError, match="/shares needs a summary, or a reason"):
        Route("GET", "/shares", health)


def test_a_face_with_described_routes_has_a_document() -> None:
    routes = (Route("GET", "/shares", health, "The shares"),)
    with pytest.raises(ValueError, match="the face lost needs one document"):
        Face("lost", "/lost", None, UNITY_CATALOG_ERRORS, routes)


def test_a_face_is_documented_in_one_that_has_a_document() -> None:
    assert {face.documented_in for face in APIS} - {""} <= set(DOCUMENTED)


async def test_a_description_says_what_a_call_takes_and_gives(server: TestServer) -> None:
    _, document = await fetch(server, f"{PREFIX}/unity-catalog.json")
    operation = document["paths"]["/api/2.1/unity-catalog/models/{full_name}/aliases/{alias}"]["put"]
    schemas = document["components"]["schemas"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/SetAlias"}
    assert schemas["SetAlias"]["required"] == ["version_num"]
    assert operation["responses"].keys() == {"200", "400", "401", "403", "404", "500"}
    missing = document["components"]["responses"]["NotFound"]["content"]["application/json"]["schema"]
    codes = missing["allOf"][1]["properties"]["error_code"]["enum"]
    assert codes == ["RESOURCE_DOES_NOT_EXIST"]


async def test_there_is_no_description_of_what_is_no_face(server: TestServer) -> None:
    status, said = await fetch(server, f"{PREFIX}/nothing.json")
    assert (status, said["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")

"""The OpenAPI documents say what there is: every route, and nothing else, in words that validate."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from openapi_spec_validator import validate

from model_sharing_provider.faces.openapi import FACES, PREFIX


async def fetch(server: TestServer, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(server.make_url(path)) as answer:
        return answer.status, json.loads(await answer.read())


async def test_every_route_is_described_and_every_description_has_a_route(server: TestServer) -> None:
    """Not described are the documents themselves, and what is passed on whatever it is."""
    assert server.app is not None
    served: set[tuple[str, str]] = set()
    for resource in server.app.router.resources():
        for route in resource:
            assert route.resource is not None
            path = route.resource.canonical
            if route.method not in ("HEAD", "*") and not path.startswith(PREFIX):
                served.add((route.method, path))
    described = {(route.method, route.path) for face in FACES.values() for route in face.routes}
    assert served - described == set()
    assert described - served == set()


@pytest.mark.parametrize("face", FACES)
async def test_documents_validate_and_are_served_to_anybody(server: TestServer, face: str) -> None:
    status, document = await fetch(server, f"{PREFIX}/{face}.json")
    assert status == 200
    validate(document)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    written = {(route.method, route.written or route.path) for route in FACES[face].routes}
    assert len(operations) == len(written) == len(FACES[face].routes)
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


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

"""Unity Catalog REST: bad input of every kind gets the right code and changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.unity_catalog import PREFIX, CreateModelVersion
from model_sharing_provider.domain.audit_actions import AuditAction
from support.admin_client import AdminClient
from support.model_folder import write_model

pytestmark = pytest.mark.each_database


@pytest.fixture
async def admin_session(provider_home: Path, server: TestServer) -> aiohttp.ClientSession:
    token = (provider_home / "admin.token").read_text()
    return aiohttp.ClientSession(base_url=server.make_url("/"), headers={"Authorization": f"Bearer {token}"})


async def send(session: aiohttp.ClientSession, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    async with session.request(method, PREFIX.removeprefix("/") + path, data=io.BytesIO(body)) as answer:
        return answer.status, json.loads(await answer.read())


BAD_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"{}",
    b'{"name": 7}',
    b'{"name": null}',
    b"\xff\xfe",
    b'{"name": "a", "comment": {"x": 1}}',
    b"[" * 100_000,
    b'{"name": "' + b"x" * 2_000_000 + b'"}',
]


@pytest.mark.parametrize("path", ["/catalogs", "/shares", "/recipients", "/schemas", "/models"])
async def test_bodies_that_cannot_be_read(
    admin_session: aiohttp.ClientSession, admin: AdminClient, path: str
) -> None:
    async with admin_session:
        for body in BAD_BODIES:
            status, said = await send(admin_session, "POST", path, body)
            assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), body[:40]
            assert said.keys() == {"error_code", "message", "details"}
    assert not (await admin.provider.shares.page(admin.context, PageRequest())).items
    assert not (await admin.provider.catalogs.page(admin.context, PageRequest())).items


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code"),
    [
        ("POST /catalogs", {"name": "a b"}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST /catalogs", {"name": "x" * 256}, 400, "INVALID_PARAMETER_VALUE"),
        ("POST /schemas", {"name": "s", "catalog_name": "none"}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET /catalogs?max_results=-1", None, 400, "INVALID_PARAMETER_VALUE"),
        ("GET /catalogs?page_token=x", None, 400, "INVALID_PARAMETER_VALUE"),
        ("GET /models?schema_name=s", None, 400, "INVALID_PARAMETER_VALUE"),
        ("GET /models/a.b", None, 400, "INVALID_PARAMETER_VALUE"),
        ("GET /models/a.b.c", None, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET /models/a.b.c/versions/x", None, 400, "INVALID_PARAMETER_VALUE"),
        ("PUT /models/a.b.c/aliases/latest", {"version_num": 1}, 400, "INVALID_PARAMETER_VALUE"),
        ("PATCH /models/a.b.c", {"new_name": "x"}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST /catalogs", {"name": "c", "storage_root": "s3://b"}, 400, "UNSUPPORTED_OPERATION"),
        ("PATCH /shares/s/permissions", {"changes": [{"principal": "p", "add": ["ALL"]}]}, 400, None),
        ("PATCH /shares/s", {"updates": [{"action": "SHRED", "data_object": {"name": "x"}}]}, 400, None),
        ("POST /recipients", {"name": "r", "authentication_type": "OIDC"}, 400, "UNSUPPORTED_OPERATION"),
        ("POST /recipients", {"name": "r", "expiration_time": 1}, 400, "INVALID_PARAMETER_VALUE"),
        ("GET /nothing", None, 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
async def test_values_that_cannot_be(
    admin_session: aiohttp.ClientSession, request_line: str, body: object, status: int, code: str | None
) -> None:
    method, path = request_line.split(" ", 1)
    async with admin_session:
        answered, said = await send(admin_session, method, path, json.dumps(body).encode() if body else b"")
    assert answered == status, said
    assert said["error_code"] == (code or "INVALID_PARAMETER_VALUE")
    assert said["message"]


async def test_the_sdks_first_question_needs_no_token(server: TestServer) -> None:
    async with aiohttp.ClientSession(base_url=server.make_url("/")) as session:
        async with session.get(".well-known/databricks-config") as answer:
            assert answer.status == 200
            assert (await answer.json()).keys() == {"oidc_endpoint", "workspace_id", "cloud"}
        async with session.get(PREFIX.removeprefix("/") + "/catalogs") as answer:
            assert answer.status == 401


async def test_a_nul_is_refused_and_a_backslash_before_a_u_is_none(
    admin_session: aiohttp.ClientSession,
) -> None:
    async with admin_session:
        status, said = await send(
            admin_session, "POST", "/catalogs", b'{"name": "c", "comment": "a\\u0000b"}'
        )
        assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        status, said = await send(
            admin_session, "POST", "/catalogs", b'{"name": "c", "comment": "a\\\\u0000b"}'
        )
        assert (status, said["comment"]) == (200, "a\\u0000b")
        status, said = await send(admin_session, "PATCH", "/catalogs/c", b'{"owner": ""}')
        assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


async def test_what_is_said_of_a_new_version_is_kept(
    admin_session: aiohttp.ClientSession, admin: AdminClient, tmp_path: Path
) -> None:
    """The fields are read off the messages: one that is lost on the way to the row or back fails here."""
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    model = {"catalog_name": "prod", "schema_name": "ml_team", "model_name": "scorer"}
    given = set(CreateModelVersion.__struct_fields__) - model.keys() - {"tags"}
    said = {name: f"the {name}" for name in given}
    async with admin_session:
        body = json.dumps({**model, **said, "tags": [{"key": "task", "value": "claims"}]}).encode()
        status, _ = await send(admin_session, "POST", "/models/versions", body)
        assert status == 200
        _, shown = await send(admin_session, "GET", "/models/prod.ml_team.scorer/versions/2")
    assert {name: shown[name] for name in given} == said
    assert shown["tags"] == [{"key": "task", "value": "claims"}]


async def test_permissions_of_a_share_are_those_of_its_recipients(
    admin_session: aiohttp.ClientSession, admin: AdminClient
) -> None:
    await admin.share("acme", "globex")
    await admin.provider.recipients.create(admin.context, "initech")
    await admin.provider.share_permissions.grant(admin.context, "acme", "initech")
    async with admin_session as session:
        for kind, plain in (("permissions", True), ("effective-permissions", False)):
            every = await send(session, "GET", f"/{kind}/SHARE/acme")
            one = await send(session, "GET", f"/{kind}/SHARE/acme?principal=GLOBEX")
            none = await send(session, "GET", f"/{kind}/SHARE/acme?principal=hooli")
            held = ["SELECT"] if plain else [{"privilege": "SELECT"}]
            globex = {"principal": "globex", "privileges": held}
            assert every == (
                200,
                {"privilege_assignments": [globex, {"principal": "initech", "privileges": held}]},
            )
            assert one == (200, {"privilege_assignments": [globex]})
            assert none == (200, {"privilege_assignments": []})
    events = await admin.provider.audit.latest(admin.context, 10)
    assert AuditAction.GET_SHARE_PERMISSIONS in {event.action for event in events}


async def test_names_with_braces_are_found(admin_session: aiohttp.ClientSession, admin: AdminClient) -> None:
    await admin.provider.catalogs.create(admin.context, "{prod}")
    async with admin_session, admin_session.get(f"{PREFIX}/catalogs/%7Bprod%7D") as answer:
        assert (answer.status, (await answer.json())["name"]) == (200, "{prod}")

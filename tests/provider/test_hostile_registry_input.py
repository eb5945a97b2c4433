"""Hostile input on every writing route of the registry: an error in the face's shape, and nothing changed.

What is hostile is made from the descriptions of the routes: each field holds what is there, or what nobody
expects there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from model_sharing_protocol import files_api, mlflow_registry
from model_sharing_protocol.unity_catalog import PREFIX as U
from model_sharing_provider.faces.table import APIS
from model_sharing_provider.http.openapi import document
from support.admin_client import AdminClient
from support.hostile_input.request_fuzzing import bodies, urls
from support.seeded_provider import MODEL, copy_database, known_path, seed

DOCUMENTS = {
    face.name: document(face, APIS)
    for face in APIS
    if face.name in ("unity-catalog", "mlflow-registry", "files")
}
M = mlflow_registry.PREFIX
F = files_api.PREFIX
Dump = dict[str, list[tuple[Any, ...]]]


class Registry:
    """A seeded provider, asked by its administrator."""

    def __init__(self, home: Path, server: TestServer, session: aiohttp.ClientSession) -> None:
        self._database = home / "metastore.db"
        self._kept = home / "kept.db"
        self._server = server
        self._session = session
        copy_database(self._database, self._kept)

    async def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        url = URL(f"{str(self._server.make_url('/'))[:-1]}{path}", encoded=True)
        async with self._session.request(method, url, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.read()

    def dump(self) -> Dump:
        """All there is but the audit log, and the name of the last change, which may have been none."""
        with closing(sqlite3.connect(self._database)) as rows:
            names = rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return {
                name: sorted(rows.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
                for (name,) in names
                if name not in ("audit_log", "metastores")
            }

    def put_back(self) -> None:
        copy_database(self._kept, self._database)


@pytest.fixture
async def registry(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> AsyncIterator[Registry]:
    await seed(admin, tmp_path / "m")
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Registry(provider_home, server, session)


def writes(face: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of each route of a face that writes.

    Finalizing is left out: that a version's registration failed is kept, as it should be.
    """
    return [
        (method, path, operation)
        for path, operations in DOCUMENTS[face]["paths"].items()
        for method, operation in operations.items()
        if method != "get" and "finalize" not in path
    ]


def schema_of_body(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the JSON that an operation takes; None if it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def check_error(face: str, operation: dict[str, Any], status: int, answer: bytes) -> None:
    """An error that the description of the operation knows, in the face's shape."""
    responses = DOCUMENTS[face]["components"]["responses"]
    assert 400 <= status < 500, answer
    _, _, described = operation["responses"][str(status)]["$ref"].rpartition("/")
    codes = responses[described]["content"]["application/json"]["schema"]["allOf"][1]["properties"]
    said = json.loads(answer)
    assert said.keys() == {"error_code", "message", "details"}
    assert said["error_code"] in codes["error_code"]["enum"]
    assert said["message"]


UNREADABLE = [
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"x"',
    b"\xff\xfe",
    b"\x00",
    b'{"x": NaN}',
    b'{"x": "\\ud800"}',
    b'{"x": 1} {}',
    b"[" * 100_000,
    b'{"x":' * 100_000,
    b'{"x": "' + b"x" * 1024 * 1024 + b'"}',
]


@pytest.mark.parametrize("face", DOCUMENTS)
async def test_bodies_that_cannot_be_read(registry: Registry, face: str) -> None:
    before = registry.dump()
    tried = 0
    for method, path, operation in writes(face):
        if schema_of_body(operation) is None:
            continue
        empty = [b""] if operation["requestBody"]["required"] else []
        for body in UNREADABLE + empty:
            status, answer = await registry.send(method, known_path(path), body)
            assert status == 400, (method, path, body[:40], answer)
            check_error(face, operation, status, answer)
            tried += 1
    assert tried >= len(UNREADABLE) * 4
    assert registry.dump() == before


@pytest.mark.parametrize("face", DOCUMENTS)
@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
async def test_what_is_refused_changes_nothing_and_nothing_breaks_the_server(
    registry: Registry, face: str, data: st.DataObject
) -> None:
    method, path = data.draw(st.sampled_from([route[:2] for route in writes(face)]))
    operation = DOCUMENTS[face]["paths"][path][method]
    schema = schema_of_body(operation)
    body = (
        b"" if schema is None else data.draw(bodies(path, schema, DOCUMENTS[face]["components"]["schemas"]))
    )
    before = registry.dump()
    status, answer = await registry.send(method, data.draw(urls(path, operation)), body)
    if status == 200:
        registry.put_back()
    else:
        check_error(face, operation, status, answer)
        assert registry.dump() == before


INVALID, ABSENT, FULL = (
    (400, "INVALID_PARAMETER_VALUE"),
    (404, "RESOURCE_DOES_NOT_EXIST"),
    (400, "RESOURCE_LIMIT_EXCEEDED"),
)
NAME = str(MODEL)
ALIASES = f"{U}/models/{NAME}/aliases"
TAGS = f"{U}/securable-tags/models/{NAME}"


def add_tags(tags: dict[str, str]) -> dict[str, Any]:
    return {"changes": {"add_tags": [{"key": key, "value": value} for key, value in tags.items()]}}


REFUSED: list[tuple[str, str, object, tuple[int, str]]] = [
    *[
        ("POST", f"{U}/catalogs", {"name": name}, INVALID)
        for name in ("", "x" * 256, "a.b", "a/b", "a b", "a\u00a0b", "a\x00", "a\u202e", "a\n", "\ud800")
    ],
    *[("PUT", f"{ALIASES}/{alias}", {"version_num": 1}, INVALID) for alias in ("latest", "V7", "x" * 256)],
    *[
        ("PUT", f"{ALIASES}/best", {"version_num": number}, INVALID)
        for number in (0, -1, 1.5, 2**31, 2**63, 10**40, "1", None, True)
    ],
    ("PUT", f"{ALIASES}/best", {"version_num": 2}, ABSENT),
    ("PUT", f"{ALIASES}/best", {"version_num": 9}, ABSENT),
    ("PATCH", TAGS, add_tags({"": "v"}), INVALID),
    ("PATCH", TAGS, add_tags({"k" * 256: "v"}), INVALID),
    ("PATCH", TAGS, add_tags({"k\x00": "v"}), INVALID),
    ("PATCH", TAGS, add_tags({"k": "v" * 1001}), INVALID),
    ("PATCH", TAGS, add_tags({f"k{number}": "" for number in range(50)}), FULL),
    ("PATCH", TAGS, {"changes": {"remove": ["absent"]}}, ABSENT),
    ("POST", f"{M}/registered-models/set-tag", {"name": NAME, "key": "k", "value": "v" * 1001}, INVALID),
    ("POST", f"{M}/registered-models/alias", {"name": NAME, "alias": "latest", "version": 1}, INVALID),
    ("POST", f"{M}/registered-models/alias", {"name": NAME, "alias": "a", "version": 2**63}, INVALID),
    ("POST", f"{M}/registered-models/alias", {"name": NAME, "alias": "a", "version": "x"}, INVALID),
    ("POST", f"{M}/registered-models/create", {"name": "prod.ml"}, INVALID),
    ("POST", f"{M}/registered-models/create", {"name": "prod.none.m"}, ABSENT),
    ("POST", f"{U}/recipients", {"name": "r", "expiration_time": 10**40}, INVALID),
    ("POST", f"{U}/recipients", {"name": "r", "expiration_time": -1}, INVALID),
    *[
        (
            "POST",
            f"{U}/recipients/globex/rotate-token",
            {"existing_token_expire_in_seconds": end},
            INVALID,
        )
        for end in (-1, 2**53, 10**40, 0.5)
    ],
    ("PUT", f"{F}/files/Models/prod/ml/scorer/2/a%00b", None, INVALID),
    ("PUT", f"{F}/files/Models/prod/ml/scorer/2/..%2Fb", None, INVALID),
    ("PUT", f"{F}/files/Models/prod/ml/scorer/{2**63}/a", None, INVALID),
    ("PUT", f"{F}/files/Models/prod/ml/scorer/1/a", None, (400, "INVALID_STATE")),
    ("PUT", f"{F}/files/Models/prod/ml/scorer/9/a", None, (404, "NOT_FOUND")),
    *[
        ("GET", f"{U}/catalogs?page_token={token}", None, INVALID)
        for token in ("x", "%00", "%ED%A0%80", "AAAAAAAA", "x" * 5000, "%D9%A3")
    ],
    *[
        ("GET", f"{M}/registered-models/search?max_results={size}", None, INVALID)
        for size in ("-1", "x", "1.0", str(2**31), "9" * 5000, "%D9%A3", "%20")
    ],
    *[
        ("GET", f"{M}/model-versions/search?filter={text}", None, INVALID)
        for text in (
            "",
            "name",
            "name='x'",
            "name='a.b.c'%20and%20run_id='r'",
            "name%20LIKE%20'%25'",
            "%00",
        )
    ],
]


async def test_values_over_a_limit_are_refused(registry: Registry) -> None:
    before = registry.dump()
    for method, path, body, refusal in REFUSED:
        status, answer = await registry.send(method, path, json.dumps(body).encode() if body else b"x")
        assert (status, json.loads(answer)["error_code"]) == refusal, (method, path, body, answer)
        assert registry.dump() == before, (method, path, body)


async def test_the_eleventh_alias_is_refused(registry: Registry) -> None:
    for number in range(9):
        assert (await registry.send("PUT", f"{ALIASES}/a{number}", b'{"version_num": 1}'))[0] == 200
    before = registry.dump()
    status, answer = await registry.send("PUT", f"{ALIASES}/a9", b'{"version_num": 1}')
    assert (status, json.loads(answer)["error_code"]) == FULL
    assert registry.dump() == before


async def test_a_request_that_differs_anywhere_is_not_taken_for_one_sent_again(registry: Registry) -> None:
    def lineage(of: str) -> dict[str, str]:
        return {"X-Databricks-Lineage-Identifier": base64.b64encode(json.dumps({"of": of}).encode()).decode()}

    create = f"{M}/model-versions/create"
    body = json.dumps({"name": NAME, "source": "s"}).encode()
    made = []
    for path, sent, headers in (
        (create, body, lineage("a")),
        (create, body, lineage("a")),
        (create, body, lineage("b")),
        (f"{create}?name={NAME}&source=s", b"", {}),
        (f"{create}?name={NAME}&source=t", b"", {}),
    ):
        status, answer = await registry.send("POST", path, sent, headers)
        assert status == 200, answer
        made.append(json.loads(answer)["model_version"]["version"])
    assert made == ["3", "3", "4", "5", "6"]


async def test_a_part_counts_once(registry: Registry) -> None:
    file = f"{F}/files/Models/prod/ml/scorer/2/big.bin"
    _, answer = await registry.send("POST", f"{file}?action=initiate-upload", b"")
    session = json.loads(answer)["multipart_upload"]["session_token"]
    asked = {"path": "/Models/prod/ml/scorer/2/big.bin", "session_token": session}
    _, answer = await registry.send("POST", f"{F}/create-upload-part-urls", json.dumps(asked).encode())
    url = URL(json.loads(answer)["upload_part_urls"][0]["url"])
    assert (await registry.send("PUT", url.raw_path_qs, b"bytes"))[0] == 200
    before = registry.dump()
    part = {"part_number": 1, "etag": hashlib.sha256(b"bytes").hexdigest()}
    complete = f"{file}?action=complete-upload&session_token={session}"
    status, answer = await registry.send("POST", complete, json.dumps({"parts": [part, part]}).encode())
    assert (status, json.loads(answer)["error_code"]) == INVALID
    assert registry.dump() == before
    assert (await registry.send("POST", complete, json.dumps({"parts": [part]}).encode()))[0] == 200

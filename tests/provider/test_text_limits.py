"""Whatever text a request can carry, none of it is kept at a length that would weigh on everybody's listings.

The fields are read off the messages of all routes: one that is added without a limit fails here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer
from msgspec import inspect
from yarl import URL

from model_sharing_protocol.errors import LONGEST_MESSAGE, InvalidModel, InvalidParameter
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.limits import (
    MAX_COMMENT,
    MAX_EVENT_TEXT,
    MAX_ID,
    MAX_PROPERTIES,
    MAX_PROPERTIES_BYTES,
    MAX_PROPERTY_KEY,
    MAX_SIGNATURE,
    MAX_SOURCE,
    check_comment,
    check_lineage,
    check_properties,
    shortened,
    size_of,
)
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.faces.table import APIS
from model_sharing_provider.http.routes import Route
from model_sharing_provider.services.publishing.mlmodel import parse_mlmodel
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.provider_cli import CliRunner
from support.seeded_provider import VENDOR, copy_database, known, known_path, seed

LONG = "x" * 300_000
LONGEST_KEPT = 32 * 1024
"""Characters of the longest text that a row may hold, sealed and encoded as it is there."""

Place = tuple[str | int, ...]
"""The way to a text in a body: the names of fields and the indices in lists; a "" is a key's own place."""


def texts(kind: inspect.Type) -> Iterator[Place]:
    """The places of all texts in a message."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                yield from ((field.encode_name, *place) for place in texts(field.type))
        case inspect.UnionType():
            yield from {place: None for each in kind.types for place in texts(each)}
        case inspect.VarTupleType() | inspect.ListType():
            yield from ((0, *place) for place in texts(kind.item_type))
        case inspect.DictType():
            yield ("",)
            yield from (("key", *place) for place in texts(kind.value_type))
        case inspect.StrType() | inspect.AnyType():
            yield ()


_MAKES = ("/catalogs", "/schemas", "/unity-catalog/models", "/shares", "/recipients", "/providers")


def sample(kind: inspect.Type, name: str, path: str) -> Any:
    """The least that a message can hold, by what is there."""
    match kind:
        case inspect.StructType():
            fields = [field for field in kind.fields if field.required]
            return {field.encode_name: sample(field.type, field.encode_name, path) for field in fields}
        case inspect.UnionType():
            return sample(kind.types[0], name, path)
        case inspect.VarTupleType() | inspect.ListType():
            return []
        case inspect.DictType():
            return {}
        case inspect.LiteralType():
            return kind.values[0]
    # What is made gets a new name.
    there = known(name, path) if name != "name" or not path.endswith(_MAKES) else known(name, path)[-1:]
    return next(iter(there), "x" if isinstance(kind, inspect.StrType) else 1)


def least(route: Route, kind: inspect.Type) -> Any:
    """A body that the route takes."""
    body = sample(kind, "", route.path)
    if route.path.endswith("/providers"):
        body["recipient_profile_str"] = VENDOR
    if route.path.endswith("/registered-models/create"):
        body["name"] = "prod.ml.another"
    if route.path.endswith("/federation-policies"):
        body["oidc_policy"]["audiences"] = ["models"]
    return body


def put(kind: inspect.Type, body: Any, place: Place, text: str, path: str) -> Any:
    """The body with `text` at the place, and what is needed around it."""
    if not place:
        return text
    first, rest = place[0], place[1:]
    if isinstance(kind, inspect.UnionType):
        kind = next(each for each in kind.types if place in set(texts(each)))
    if first == "":
        return {text: "value"}
    if isinstance(kind, inspect.DictType):
        return {first: put(kind.value_type, None, rest, text, path)}
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        item = sample(kind.item_type, "", path)
        return [put(kind.item_type, item, rest, text, path)]
    assert isinstance(kind, inspect.StructType)
    (field,) = [each for each in kind.fields if each.encode_name == first]
    inside = (body or {}).get(first) or sample(field.type, str(first), path)
    return {**(body or sample(kind, "", path)), first: put(field.type, inside, rest, text, path)}


KEPT = {"comment", "description", "source", "run_id", "model_id", "properties", "entities", "securable"}
KEPT |= {"tag_value", "value"}
"""Fields of free text that are kept with what they describe. A share has no comments on its objects."""


def is_kept(route: Route, place: Place) -> bool:
    """True for a field of free text that is kept.

    A `value` of SCIM refers to a principal. The ids of principals are made up anew: their policies are not
    found; those of recipients have the same checks.
    """
    elsewhere = "/scim/" in route.path or "/servicePrincipals/" in route.path
    return bool(KEPT & set(map(str, place))) and not elsewhere


ROUTES = [replace(route, path=face.path(route)) for face in APIS for route in face.routes]


class Registry:
    """A seeded provider, asked by its administrator."""

    def __init__(self, home: Path, server: TestServer, session: aiohttp.ClientSession) -> None:
        self._home = home
        self._server = server
        self._session = session
        copy_database(home / "metastore.db", home / "kept.db")

    def bodies(self, text: str) -> Iterator[tuple[Route, Place, Any]]:
        """For each text that a route's body can have, the body with it."""
        for route in ROUTES:
            if isinstance(route.body, type) and issubclass(route.body, msgspec.Struct):
                kind = inspect.type_info(route.body)
                for place in texts(kind):
                    if "data_object" not in place or "comment" not in place:
                        yield route, place, put(kind, least(route, kind), place, text, route.path)

    async def send(self, route: Route, body: Any) -> tuple[int, bytes]:
        url = URL(f"{str(self._server.make_url('/'))[:-1]}{known_path(route.path)}", encoded=True)
        async with self._session.request(route.method, url, data=json.dumps(body).encode()) as answer:
            return answer.status, await answer.read()

    def longest(self) -> int:
        """The length of the longest text in any row, the audit log's too."""
        with closing(sqlite3.connect(self._home / "metastore.db")) as rows:
            tables = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return max(
                len(str(value))
                for table in tables
                for row in rows.execute(f"SELECT * FROM {table}").fetchall()
                for value in row
            )

    def put_back(self) -> None:
        copy_database(self._home / "kept.db", self._home / "metastore.db")


@pytest.fixture
async def registry(
    admin: AdminClient, server: TestServer, provider_home: Path, tmp_path: Path
) -> AsyncIterator[Registry]:
    await seed(admin, tmp_path / "m")
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Registry(provider_home, server, session)


async def test_no_request_leaves_a_long_text(registry: Registry) -> None:
    """Each is refused, or takes no notice of the text; the answer does not send it all back."""
    for route, place, body in registry.bodies(LONG):
        status, answer = await registry.send(route, body)
        said = f"{route.method} {route.path} {place} {answer[:200]!r}"
        assert status < 500, said
        assert len(answer) < 3 * LONGEST_MESSAGE, said
        assert registry.longest() < LONGEST_KEPT, said
        if is_kept(route, place):
            assert status == 400, said
            assert b" bytes; at most" in answer or b"tag" in answer, said


async def test_the_same_requests_go_through_with_a_short_one(registry: Registry) -> None:
    """Control: without it, the others could have been refused for something else."""
    for route, place, body in registry.bodies("short"):
        if is_kept(route, place):
            status, answer = await registry.send(route, body)
            assert status == 200, f"{route.method} {route.path} {place} {answer!r}"
            registry.put_back()


def test_limits_are_bytes_of_utf8() -> None:
    assert check_comment("é" * (MAX_COMMENT // 2)) == "é" * (MAX_COMMENT // 2)
    too_long = rf"The comment has {MAX_COMMENT + 1} bytes; at most {MAX_COMMENT} are allowed"
    for text in ("x" * (MAX_COMMENT + 1), "é" * (MAX_COMMENT // 2) + "x"):
        for call in (
            check_comment,
            lambda said: SecurableUpdate(comment=said),
            lambda said: NewVersion(comment=said),
        ):
            with pytest.raises(InvalidParameter, match=too_long):
                call(text)


@pytest.mark.parametrize("field", ["source", "run_id", "logged_model_id"])
@pytest.mark.parametrize("kind", [NewVersion])
def test_what_a_version_was_made_of_is_told_shortly(kind: type[Any], field: str) -> None:
    limit = MAX_SOURCE if field == "source" else MAX_ID
    kind(**{field: "x" * limit})
    with pytest.raises(InvalidParameter, match=rf"has {limit + 1} bytes; at most {limit}"):
        kind(**{field: "x" * (limit + 1)})


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({f"{number}": "" for number in range(MAX_PROPERTIES + 1)}, "101 properties"),
        ({"x" * (MAX_PROPERTY_KEY + 1): ""}, "256 bytes"),
        ({"key": "x" * MAX_PROPERTIES_BYTES}, "properties together"),
        ({f"{number}": "é" * 100 for number in range(100)}, "properties together"),
    ],
)
def test_properties_are_few_and_short(properties: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        check_properties(properties)


def test_lineage_counts_as_the_json_that_it_is() -> None:
    check_lineage({"entities": [{"job": "nightly"}]})
    for payload in ({"x" * 20_000: 1}, {"entities": [[1]] * 6000}, {"a": {"b": {"c": "é" * 9000}}}):
        with pytest.raises(InvalidParameter, match=r"The lineage has \d+ bytes"):
            check_lineage(payload)


@pytest.mark.parametrize("part", ["inputs", "params"])
def test_a_signature_or_run_of_a_megabyte_makes_no_version(part: str) -> None:
    columns = json.dumps([{"type": "double", "name": "x" * 1000}] * (MAX_SIGNATURE // 1000))
    with pytest.raises(InvalidModel, match=rf"signature has \d+ bytes; at most {MAX_SIGNATURE}"):
        parse_mlmodel(json.dumps({"flavors": {}, "signature": {part: columns}}).encode())
    wide = json.dumps([{"type": "double", "name": f"feature_{number}"} for number in range(10_000)])
    assert parse_mlmodel(json.dumps({"flavors": {}, "signature": {part: wide}}).encode()).signature
    with pytest.raises(InvalidModel, match="run_id"):
        parse_mlmodel(json.dumps({"flavors": {}, "signature": {part: wide}, "run_id": "x" * 256}).encode())


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 5000, "\U0001f600" * 5000, "x" + "é" * 5000])
def test_what_is_cut_says_so_and_fits(text: str) -> None:
    cut = shortened(text, MAX_EVENT_TEXT)
    assert MAX_EVENT_TEXT - 4 <= size_of(cut) <= MAX_EVENT_TEXT
    assert cut.endswith(f"… ({size_of(text)} bytes)")
    assert shortened(cut, MAX_EVENT_TEXT) == cut


async def test_what_was_too_long_before_there_were_limits_can_be_read_and_renamed(
    admin: AdminClient, tmp_path: Path, provider_home: Path
) -> None:
    name = FullName.parse("prod.ml.scorer")
    await admin.register(write_model(tmp_path / "m"), str(name))
    with closing(sqlite3.connect(provider_home / "metastore.db")) as rows:
        for table in ("registered_models", "model_versions", "catalogs"):
            rows.execute(f"UPDATE {table} SET comment = ?", [LONG])
        rows.commit()
    assert (await admin.provider.models.get(admin.context, name)).comment == LONG
    renamed = await admin.provider.models.update(admin.context, name, SecurableUpdate(new_name="renamed"))
    assert renamed.comment == LONG
    copied = await admin.provider.copies.copy(admin.context, renamed.full_name, 1, renamed.full_name)
    assert copied.comment == LONG


def test_the_command_line_obeys_the_same_limits(tmp_path: Path, provider_cli: CliRunner) -> None:
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.ml")
    folder = str(write_model(tmp_path / "m"))
    long = ("--comment", "é" * (MAX_COMMENT // 2) + "x")
    for command in (
        ("catalog", "create", "another"),
        ("schema", "create", "prod.another"),
        ("model", "register", folder, "prod.ml.scorer"),
        ("share", "create", "acme"),
        ("recipient", "create", "globex"),
    ):
        refused = provider_cli(*command, *long)
        assert (refused.code, "16385 bytes; at most 16384" in refused.err) == (2, True), command
        provider_cli.succeed(*command, "--comment", "é" * (MAX_COMMENT // 2))

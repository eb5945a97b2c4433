"""A session of an upload in parts belongs to one version and to who began it: nobody else finds it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from model_sharing_protocol.errors import NotFound
from model_sharing_protocol.files_api import PREFIX
from model_sharing_protocol.names import FullName
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.governance.privileges import Privilege
from model_sharing_provider.services.publishing.multipart import PartSeen
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.principals import User, create_group, create_user, grant_privileges, on_model, privileges_to_load

pytestmark = pytest.mark.each_database

MINE, THEIRS = FullName.parse("prod.ml_team.scorer"), FullName.parse("prod.ml_team.other")
FIRST, SECOND = b"the first part, ", b"and the second"


@dataclass(frozen=True, slots=True)
class Client:
    """A person with a client of the Files API."""

    person: User
    http: aiohttp.ClientSession
    base: URL

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        url = self.base.join(URL(f"{PREFIX}/{path}", encoded=True))
        async with self.http.post(url, json=body, headers=headers) as answer:
            content = await answer.read()
            return answer.status, json.loads(content or b"{}")

    async def put(self, file: str, content: bytes, overwrite: str = "true") -> int:
        url = self.base.join(URL(f"{PREFIX}/files{file}?overwrite={overwrite}", encoded=True))
        headers = {"Authorization": f"Bearer {self.person.token}"}
        async with self.http.put(url, data=content, headers=headers) as answer:
            return answer.status

    async def begin(self, file: str, overwrite: str = "true") -> str:
        status, answer = await self.post(f"files{file}?action=initiate-upload&overwrite={overwrite}")
        assert status == 200, answer
        return str(answer["multipart_upload"]["session_token"])

    async def send(self, file: str, session: str, number: int, content: bytes) -> str:
        asked = {"path": file, "session_token": session, "start_part_number": number, "count": 1}
        status, answer = await self.post("create-upload-part-urls", asked)
        assert status == 200, answer
        url = URL(answer["upload_part_urls"][0]["url"], encoded=True)
        async with self.http.put(url, data=content) as sent:
            assert sent.status == 200
            return sent.headers["ETag"]

    async def complete(self, file: str, session: str, etags: list[str]) -> tuple[int, Any]:
        parts = [{"part_number": number, "etag": etag} for number, etag in enumerate(etags, 1)]
        return await self.post(
            f"files{file}?action=complete-upload&session_token={session}", {"parts": parts}
        )

    async def interfere(self, file: str, session: str) -> list[tuple[int, Any]]:
        """Answers to every request about a session, for this file."""
        asked = {"path": file, "session_token": session}
        etag = hashlib.sha256(FIRST).hexdigest()
        return [
            await self.post("create-upload-part-urls", {**asked, "start_part_number": 1, "count": 2}),
            await self.post("create-abort-upload-url", asked),
            await self.complete(file, session, [etag]),
        ]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def people(
    admin: AdminClient, server: TestServer, tmp_path: Path, http: aiohttp.ClientSession
) -> dict[str, Client]:
    """Ana and Ben own one model together, and Eve the other; both have two versions that take files."""
    for name in (MINE, THEIRS):
        await admin.register(write_model(tmp_path / name.name), str(name))
        for _ in range(2):
            await admin.provider.uploads.create(admin.context, name, NewVersion(source=str(uuid4())))
    base = server.make_url("/")
    clients = {name: Client(await create_user(admin, name), http, base) for name in ("ana", "ben", "eve")}
    await create_group(admin, "owners", "ana", "ben")
    for owner, owned in (("owners", MINE), ("eve", THEIRS)):
        await grant_privileges(
            admin, owner, *privileges_to_load(str(owned)), on_model(Privilege.OWN, str(owned))
        )
    return clients


def file_of(name: FullName, number: int, path: str = "model.pkl") -> str:
    return f"/Models/{name.catalog}/{name.schema}/{name.name}/{number}/{path}"


@pytest.mark.parametrize(
    ("who", "file"),
    [
        pytest.param("eve", file_of(THEIRS, 2), id="another owner, from a version of hers"),
        pytest.param("ben", file_of(MINE, 2), id="another owner of the same version"),
        pytest.param("ana", file_of(MINE, 3), id="the same owner, from another version"),
        pytest.param("ana", file_of(MINE, 2, "other.pkl"), id="the same owner, for another file"),
    ],
)
async def test_a_session_is_known_to_nobody_else(
    admin: AdminClient, people: dict[str, Client], who: str, file: str
) -> None:
    ana, mine = people["ana"], file_of(MINE, 2)
    session = await ana.begin(mine)
    etags = [await ana.send(mine, session, 1, FIRST)]
    # What is not theirs is answered word for word like what never was.
    answers = await people[who].interfere(file, session)
    assert answers == await people[who].interfere(file, str(uuid4()))
    assert {(status, answer["error_code"]) for status, answer in answers} == {(404, "NOT_FOUND")}
    assert await people[who].interfere(file, "../../uploads") == answers

    etags.append(await ana.send(mine, session, 2, SECOND))
    assert (await ana.complete(mine, session, etags))[0] == 200
    await admin.provider.uploads.write(
        admin.context, await admin.provider.versions.get(admin.context, MINE, 2), "MLmodel", _once(MLMODEL)
    )
    await admin.provider.finalization.finalize(admin.context, MINE, 2)
    opened = await admin.provider.principal_files.open_path(admin.context, MINE, 2, "model.pkl")
    assert opened.sha256 == hashlib.sha256(FIRST + SECOND).hexdigest()


async def _once(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


@pytest.mark.parametrize("who", ["ben", "eve"])
async def test_no_part_is_replaced_or_given_up_by_somebody_else(
    admin: AdminClient, people: dict[str, Client], who: str
) -> None:
    """By the services themselves, as a URL would that somebody got signed before."""
    ana, mine, multipart = people["ana"], file_of(MINE, 2), admin.provider.multipart
    session = await ana.begin(mine)
    etag = await ana.send(mine, session, 1, FIRST)
    context = await people[who].person.context()
    by, name = context.caller.principal, THEIRS if who == "eve" else MINE
    version = await admin.provider.versions.get(admin.context, name, 2)
    with pytest.raises(NotFound, match="no such upload session"):
        await multipart.write_part(context, version, session, 1, _once("planted"), by=by)
    with pytest.raises(NotFound, match="no such upload session"):
        await multipart.abort(context, version, session, by=by)
    with pytest.raises(NotFound, match="no such upload session"):
        await multipart.complete(context, name, 2, "model.pkl", session=session, seen=[PartSeen(1, etag)])
    assert (await ana.complete(mine, session, [etag]))[0] == 200
    # Only once: with its file, the session is gone.
    assert (await ana.complete(mine, session, [etag]))[0] == 404


async def test_what_is_signed_ends_with_its_session(people: dict[str, Client]) -> None:
    ana, mine = people["ana"], file_of(MINE, 2)
    session = await ana.begin(mine)
    _, answer = await ana.post("create-upload-part-urls", {"path": mine, "session_token": session})
    _, abort = await ana.post("create-abort-upload-url", {"path": mine, "session_token": session})
    url = URL(answer["upload_part_urls"][0]["url"], encoded=True)
    ended = URL(abort["abort_upload_url"]["url"], encoded=True)
    for method, where, status in (
        ("PUT", url, 200),
        ("DELETE", ended, 200),
        ("PUT", url, 404),
        ("DELETE", ended, 404),
    ):
        async with ana.http.request(method, where, data=b"x") as sent:
            assert sent.status == status, method


async def test_an_upload_that_may_not_overwrite_leaves_what_is_there_or_came_meanwhile(
    admin: AdminClient, people: dict[str, Client]
) -> None:
    ana, mine, early = people["ana"], file_of(MINE, 2), file_of(MINE, 2, "early.pkl")
    session = await ana.begin(mine, overwrite="false")
    etag = await ana.send(mine, session, 1, FIRST)
    assert await ana.put(mine, SECOND) == 200
    status, answer = await ana.complete(mine, session, [etag])
    assert (status, answer["error_code"]) == (409, "ALREADY_EXISTS")
    assert await ana.put(early, FIRST, overwrite="false") == 200
    for file in (mine, early):
        for word, status in (("false", 409), ("False", 409), ("0", 409), ("maybe", 400)):
            assert await ana.put(file, b"another", overwrite=word) == status
            assert (await ana.post(f"files{file}?action=initiate-upload&overwrite={word}"))[0] == status
    entries = await admin.provider.principal_files.folder(admin.context, MINE, 2, "")
    assert {entry.path: entry.size for entry in entries} == {
        "model.pkl": len(SECOND),
        "early.pkl": len(FIRST),
    }
    assert await ana.put(early, SECOND, overwrite="true") == 200


async def test_a_url_to_upload_a_new_file_takes_it_once(people: dict[str, Client]) -> None:
    ana, asked = people["ana"], {"path": file_of(MINE, 2), "overwrite": False}
    given = [(await ana.post("create-upload-url", asked))[1]["url"] for _ in range(2)]
    statuses = []
    for url in (given[0], given[1], given[0]):
        async with ana.http.put(URL(url, encoded=True), data=FIRST) as sent:
            statuses.append(sent.status)
    assert statuses == [200, 400, 400]
    assert (await ana.post("create-upload-url", asked))[0] == 409
    assert (await ana.post("create-upload-url", {"path": asked["path"]}))[0] == 200

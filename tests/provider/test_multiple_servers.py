"""Two servers over one database: what one gives out the other honours, what one ends is ended at both."""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import aiohttp
import pytest
from databricks.sdk import WorkspaceClient

from model_sharing_protocol.errors import ActivationLinkUsed, InvalidState
from model_sharing_protocol.mlflow_registry import PREFIX as MLFLOW
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.http.urls import ACTIVATION_PATH
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.network.load_balancer import load_balancer
from support.patience import PATIENCE
from support.processes.provider import ProviderProcess

T = TypeVar("T")
MIB = 1024 * 1024
NAME = FullName.parse("prod.ml_team.scorer")
BIG = os.urandom(64 * MIB)
MODEL = f"{PREFIX}/shares/acme/schemas/ml_team/models/scorer"
QUERY, ALIAS = f"{MODEL}/versions/1/query", f"{MODEL}/aliases/champion"


@dataclass(frozen=True)
class Two:
    """Servers over one metastore, and what its administrator holds."""

    settings: Settings
    a: ProviderProcess
    b: ProviderProcess
    admin_token: str

    async def as_admin(self, work: Callable[[AdminClient], Awaitable[T]]) -> T:
        """Work of an administrator beside the servers."""
        async with open_provider(self.settings) as provider:
            return await work(AdminClient.of(provider))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    with ExitStack() as stack:
        url = ""
        if request.param == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").database())
        settings = Settings(folder / "home", postgresql_url=url)

        async def register_model(admin: AdminClient) -> None:
            await admin.register(write_model(folder / "m", {"big.bin": BIG}), str(NAME), "Champion")

        a, b = (
            stack.enter_context(
                ProviderProcess(settings.home, environment={"MODEL_SHARING_PROVIDER_DATABASE_URL": url})
            )
            for _ in range(2)
        )
        both = Two(settings, a, b, settings.admin_token_path.read_text())
        asyncio.run(both.as_admin(register_model))
        yield both


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def status(session: aiohttp.ClientSession, url: str, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.get(url, headers=headers) as answer:
        await answer.read()
        return answer.status


async def test_requests_that_go_to_the_servers_in_turn_find_one_provider(
    two: Two, session: aiohttp.ClientSession
) -> None:
    """An upload in parts, requests sent twice, activation and download: each step at the other server."""
    async with load_balancer([two.a.url, two.b.url]) as url:
        workspace = await asyncio.to_thread(WorkspaceClient, host=url, token=two.admin_token)
        headers = {"Authorization": f"Bearer {two.admin_token}"}
        wanted = {"name": str(NAME), "source": "runs:/1/model"}
        create = f"{url}{MLFLOW}/model-versions/create"
        made = []
        for _ in range(4):
            async with session.post(create, json=wanted, headers=headers) as answer:
                made.append((await answer.json())["model_version"]["version"])
        assert made == ["2"] * 4
        weights, folder = os.urandom(51 * MIB), "/Models/prod/ml_team/scorer/2"
        for path, content in (("MLmodel", MLMODEL.encode()), ("weights.bin", weights)):
            await asyncio.to_thread(workspace.files.upload, f"{folder}/{path}", io.BytesIO(content))
        finalize = f"{url}{MLFLOW}/model-versions/finalize"
        async with session.post(
            finalize, json={"name": str(NAME), "version": "2"}, headers=headers
        ) as answer:
            assert (await answer.json())["model_version"]["status"] == "READY"

        got = await asyncio.to_thread(workspace.files.download, f"{folder}/weights.bin")
        assert got.contents is not None
        assert await asyncio.to_thread(got.contents.read) == weights


async def test_a_link_opens_once_whichever_servers_are_asked(
    two: Two, session: aiohttp.ClientSession
) -> None:
    code = await two.as_admin(lambda admin: admin.share("once", "once_globex"))
    links = [f"{server.url}{ACTIVATION_PATH}/{code}" for server in (two.a, two.b) * 25]
    opened = sorted(await asyncio.gather(*(status(session, link) for link in links)))
    assert opened == [200] + [ActivationLinkUsed.row.open_sharing_status] * 49


async def test_rotations_at_both_servers_leave_two_tokens_at_the_most(
    two: Two, session: aiohttp.ClientSession
) -> None:
    """Half of them let the token before live for an hour, half end it; each that was let go is tried out."""
    headers = {"Authorization": f"Bearer {two.admin_token}"}
    recipient = "/api/2.1/unity-catalog/recipients/often"

    async def rotated(number: int) -> str:
        server, seconds = (two.a, two.b)[number % 2], 3600 * (number // 2 % 2)
        body = {"existing_token_expire_in_seconds": seconds}
        async with session.post(
            f"{server.url}{recipient}/rotate-token", json=body, headers=headers
        ) as answer:
            if answer.status == 200:
                return str((await answer.json())["activation_url"])
            assert answer.status == InvalidState.row.unity_catalog_status
            return ""

    links = [
        f"{two.a.url}{ACTIVATION_PATH}/{await two.as_admin(lambda admin: admin.share('often', 'often'))}"
    ]
    rotations = asyncio.gather(*(rotated(number) for number in range(40)))
    seen = []
    while not rotations.done():
        async with session.get(f"{two.a.url}{recipient}", headers=headers) as answer:
            now = time.time() * 1000
            tokens = (await answer.json())["tokens"]
            seen.append(sum(token["expiration_time"] > now for token in tokens))
    assert max(seen) <= 2
    links += filter(None, await rotations)
    assert len(links) > 20

    async def activated(link: str) -> bool:
        async with session.post(link) as answer:
            return answer.status == 200

    assert (await asyncio.gather(*(activated(link) for link in links))).count(True) in (1, 2)


async def test_what_is_ended_at_one_server_ends_at_both_transfers_too(
    two: Two, session: aiohttp.ClientSession
) -> None:
    """An API call and URLs that are out within a second, transfers in progress within five."""

    async def share(admin: AdminClient) -> str:
        profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), two.a.url + PREFIX)
        return profile.bearer_token

    token = await two.as_admin(share)
    async with session.post(two.a.url + QUERY, headers={"Authorization": f"Bearer {token}"}) as answer:
        lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    at_a = next(line["file"]["url"] for line in lines[2:] if line["file"]["path"] == "big.bin")
    at_b = at_a.replace(two.a.url, two.b.url)
    for server in (two.a, two.b):
        assert await status(session, server.url + ALIAS, token) == 200
    slow = [await session.get(url) for url in (at_a, at_b)]
    assert [answer.status for answer in slow] == [200, 200]
    await asyncio.gather(*(answer.content.readexactly(MIB) for answer in slow))

    revoke = f"{two.a.url}/api/2.1/unity-catalog/shares/acme/permissions"
    changes = {"changes": [{"principal": "globex", "remove": ["SELECT"]}]}
    async with session.patch(
        revoke, json=changes, headers={"Authorization": f"Bearer {two.admin_token}"}
    ) as answer:
        assert answer.status == 200
    revoked = time.monotonic()
    for server, url in ((two.a, at_a), (two.b, at_b)):
        assert await status(session, server.url + f"{PREFIX}/shares/acme", token) == 404
        assert await status(session, server.url + ALIAS, token) == 404
        assert await status(session, url) == 403
    ends = await asyncio.gather(*(cut_after(answer, revoked) for answer in slow))
    assert max(ends) < 5


async def cut_after(answer: aiohttp.ClientResponse, since: float) -> float:
    """Read on, a little at a time, until the connection is cut; how long that took."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(aiohttp.ClientError):
            while True:
                assert await answer.content.read(64 * 1024), "the file came whole"
                await asyncio.sleep(0.01)
    answer.close()
    return time.monotonic() - since


async def test_a_token_that_is_rotated_away_is_nothing_anywhere(
    two: Two, session: aiohttp.ClientSession
) -> None:
    async def invite(admin: AdminClient) -> str:
        return (await admin.activate(await admin.share("rotated", "initech"), "http://x")).bearer_token

    async def rotate(admin: AdminClient) -> str:
        again = admin.provider.recipients.rotate_token
        code = await again(admin.context, "initech", existing_expires_in=timedelta(0))
        return (await admin.activate(code, "http://x")).bearer_token

    async def known(token: str) -> list[int]:
        asked: list[Awaitable[int]] = [
            status(session, f"{server.url}{PREFIX}/shares", token) for server in (two.a, two.b)
        ]
        return list(await asyncio.gather(*asked))

    before = await two.as_admin(invite)
    assert await known(before) == [200, 200]
    after = await two.as_admin(rotate)
    assert (await known(before), await known(after)) == ([401, 401], [200, 200])


async def test_a_rotation_is_seen_by_servers_that_run(two: Two, session: aiohttp.ClientSession) -> None:
    """The server that is asked second has not looked at the file since: it does when it meets the new key."""

    async def share(admin: AdminClient) -> str:
        profile = await admin.activate(await admin.share("rotating", "hooli", str(NAME)), "http://x")
        await admin.provider.secrets.rotate(admin.context)
        return profile.bearer_token

    async def forget(admin: AdminClient) -> None:
        await admin.provider.secrets.rotate(admin.context, pepper=False, forget=True)

    token = await two.as_admin(share)
    query = QUERY.replace("/acme/", "/rotating/")
    async with session.post(two.a.url + query, headers={"Authorization": f"Bearer {token}"}) as answer:
        urls = [json.loads(line)["file"]["url"] for line in (await answer.read()).splitlines()[2:]]
    elsewhere = [url.replace(two.a.url, two.b.url) for url in urls]
    assert [await status(session, url) for url in elsewhere] == [200] * len(urls)
    await two.as_admin(forget)
    assert [await status(session, url) for url in (*elsewhere, *urls)] == [403] * len(urls) * 2
    assert await status(session, f"{two.b.url}{PREFIX}/shares", token) == 200

"""Kept answers under attack: by changes at other servers and in other processes, by limits, by headers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp.pytest_plugin import AiohttpServer
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import VersionRecalled
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.principals import Caller, PrincipalType
from model_sharing_provider.domain.recipient_limits import RecipientLimits
from model_sharing_provider.domain.request_rates import RequestRates
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.faces.open_sharing.requests import ALIAS
from model_sharing_provider.faces.open_sharing.requests import VERSION as NUMBER
from model_sharing_provider.faces.table import FACES
from model_sharing_provider.metastore.noted_reads import note_read
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.registry.updates import NO_CHANGE
from support.admin_client import AdminClient
from support.asking_recipient import CHAMPION, NAME, Answer, Globex
from support.processes import admin_process

pytestmark = pytest.mark.each_database

MOVES = 40
VERSION = "/shares/acme/schemas/ml_team/models/scorer/versions/1"
OF_THIS_REQUEST = ("x-request-id", "date")
HEADERS: dict[str, dict[str, str]] = {
    "none": {},
    "accept": {"Accept": "application/xml"},
    "compressed": {"Accept-Encoding": "gzip, br"},
    "not compressed": {"Accept-Encoding": "identity"},
    "range": {"Range": "bytes=0-10"},
    "if match": {"If-Match": '"another"'},
    "if modified since": {"If-Modified-Since": "Sat, 28 Nov 2099 00:00:00 GMT"},
    "any tag": {"If-None-Match": "*"},
    "no tag": {"If-None-Match": ""},
    "not a tag": {"If-None-Match": "W/"},
    "forwarded": {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Forwarded": "for=x"},
    "host": {"Host": "evil.example"},
    "capabilities": {"delta-sharing-capabilities": "responseformat=delta"},
    "lineage": {"X-Databricks-Lineage-Identifier": "not base64"},
    "trace": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    "language": {"Accept-Language": "de", "Cookie": "a=b", "Origin": "https://evil.example"},
    "no cache": {"Cache-Control": "no-store", "Pragma": "no-cache"},
    "ends": {"Connection": "close"},
    "lower case": {"authorization_scheme": "bearer"},
}


@pytest.fixture
async def never_keeping(globex: Globex, aiohttp_server: AiohttpServer) -> Globex:
    """The same recipient at a server of the same provider that keeps no answers."""
    provider = copy(globex.admin.provider)
    vars(provider)["repeated_calls"] = None
    server = await aiohttp_server(make_app(provider))
    return replace(globex, endpoint=str(server.make_url(PREFIX)))


@pytest.mark.parametrize("path", [CHAMPION, f"{CHAMPION}?includeRecalled=true", VERSION])
async def test_whatever_is_sent_along_the_answer_is_that_of_a_server_that_keeps_none(
    globex: Globex, never_keeping: Globex, path: str
) -> None:
    for name, headers in HEADERS.items():
        fresh = shown(await asked(never_keeping, path, headers))
        for _ in range(3):
            assert shown(await asked(globex, path, headers)) == fresh, name


def test_those_are_all_routes_that_repeat_answers() -> None:
    """A new one belongs into the story above: whatever it looks at in a request has to be in the key."""
    assert {route.path for face in FACES for route in face.routes if route.repeatable} == {ALIAS, NUMBER}


async def asked(globex: Globex, path: str, headers: Mapping[str, str]) -> Answer:
    scheme = headers.get("authorization_scheme", "Bearer")
    given = {"Authorization": f"{scheme} {globex.token}"}
    given |= {name: value for name, value in headers.items() if name != "authorization_scheme"}
    async with globex.session.get(globex.endpoint + path, headers=given) as answer:
        return Answer(answer.status, await answer.read(), answer.headers)


def shown(answer: Answer) -> tuple[int, bytes, list[tuple[str, str]]]:
    kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in OF_THIS_REQUEST]
    return answer.status, answer.body, sorted(kept)


@dataclass
class Alias:
    """Where an alias points; `moves` counts each beginning and each end of a move."""

    version: int = 1
    moves: int = 0


async def test_no_request_that_began_after_a_change_is_answered_as_before(
    globex: Globex, elsewhere: AdminClient
) -> None:
    alias, answers = Alias(), 0
    before = len(await globex.events())

    async def ask() -> None:
        nonlocal answers
        moves, expected = alias.moves, alias.version
        found = (await globex.ask()).version
        answers += 1
        if moves % 2 == 0 and alias.moves == moves:
            assert found == expected

    async def move() -> None:
        for number in range(MOVES):
            version = 2 - number % 2
            alias.moves += 1
            await elsewhere.provider.models.set_alias(elsewhere.context, NAME, "Champion", version)
            alias.version, alias.moves = version, alias.moves + 1
            for _ in range(3):
                await ask()

    async def keep_asking(moving: asyncio.Task[None]) -> None:
        while not moving.done():
            await ask()

    moving = asyncio.create_task(move())
    await asyncio.gather(*(keep_asking(moving) for _ in range(4)), moving)
    assert len(globex.decided) < answers, "some were kept"
    found = await globex.admin.provider.audit.latest(globex.admin.context, before + answers + 100)
    events = [event for event in found if event.caller.face == "open-sharing" and event.outcome is Outcome.OK]
    assert len([event for event in events if event.target.share == "acme"]) == before + answers


async def test_another_process_moves_the_alias(globex: Globex, settings: Settings, tmp_path: Path) -> None:
    script = """
        async def work(admin):
            await admin.provider.models.set_alias(admin.context, NAME, "Champion", 2)
            print("moved")
    """
    process = await admin_process.start(script, settings, tmp_path)
    said, _ = await process.communicate()
    assert said.strip().endswith(b"moved"), said
    assert [(await globex.ask()).version for _ in range(2)] == [2, 2]


async def test_a_recalled_version_is_not_given_again(globex: Globex, elsewhere: AdminClient) -> None:
    either = f"{VERSION}?includeRecalled=true"
    for path in (VERSION, either, VERSION, either):
        assert (await globex.ask(path)).version == 1
    recalls = elsewhere.provider.recalls
    await recalls.recall(elsewhere.context, NAME, 1, "wrong labels", 2)
    for _ in range(2):
        assert (await globex.ask(VERSION)).status == VersionRecalled.row.open_sharing_status
        assert b"wrong labels" in (await globex.ask(either)).body
        assert (await globex.ask()).version == 2, "the alias has moved to the one that replaces it"
    await recalls.lift(elsewhere.context, NAME, 1)
    assert (await globex.ask(VERSION)).version == 1
    assert b"wrong labels" not in (await globex.ask(either)).body


async def test_the_limit_of_all_servers_together_holds(
    globex: Globex, elsewhere: AdminClient, aiohttp_server: AiohttpServer
) -> None:
    stop_the_minute(globex.admin, elsewhere)
    other = replace(globex, endpoint=str((await served(elsewhere, aiohttp_server)).make_url(PREFIX)))
    await limit(elsewhere, 20)
    found = [(await server.ask()).status for _ in range(30) for server in (globex, other)]
    # Each process may give a fiftieth more, and at least one.
    assert 20 * 0.4 <= found.count(200) <= 20 + 2
    assert found.count(429) == len(found) - found.count(200)
    assert found[-1] == 429
    denied = await elsewhere.provider.audit.latest(
        elsewhere.context, 100, action=AuditAction.REACH_RECIPIENT_LIMIT
    )
    assert len(denied) == 1, "one event, of whichever server refused first"


async def test_another_limit_holds_at_once(globex: Globex, elsewhere: AdminClient) -> None:
    stop_the_minute(globex.admin, elsewhere)
    await limit(elsewhere, 2)
    assert [(await globex.ask()).status for _ in range(3)] == [200, 200, 429]
    await limit(elsewhere, 1000)
    assert [(await globex.ask()).status for _ in range(3)] == [200, 200, 200]
    await limit(elsewhere, 0)
    assert [(await globex.ask()).status for _ in range(3)] == [200, 200, 200]


async def test_a_call_that_a_change_overtakes_counts_once(globex: Globex, elsewhere: AdminClient) -> None:
    stop_the_minute(globex.admin, elsewhere)

    async def answered(number: int) -> int:
        statuses = []
        for count in range(number):
            statuses.append((await globex.ask()).status)
            if count < MOVES:
                await elsewhere.provider.models.set_alias(elsewhere.context, NAME, "Champion", 2 - count % 2)
        return statuses.count(200)

    await limit(elsewhere, MOVES + 20)
    assert await answered(MOVES + 30) == MOVES + 20
    await limit(elsewhere, 0)
    globex.admin.provider.rate_limits._calls = RateLimits(RequestRates(calls=8), lambda: 0.0)._calls
    assert await answered(12) == 8


async def test_a_revoked_token_is_told_so_and_not_that_it_asks_too_often(
    globex: Globex, elsewhere: AdminClient
) -> None:
    globex.admin.provider.rate_limits._calls = RateLimits(RequestRates(calls=1))._calls
    assert [(await globex.ask()).status for _ in range(2)] == [200, 429]
    await elsewhere.provider.recipients.delete(elsewhere.context, "globex")
    assert (await globex.ask()).status == 401


async def test_who_goes_away_leaves_an_event_and_nobody_elses_answer(globex: Globex) -> None:
    for _ in range(20):
        asking = asyncio.create_task(globex.ask())
        await asyncio.sleep(0.002)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    assert {answer.version for answer in await asyncio.gather(*(globex.ask() for _ in range(10)))} == {1}


async def test_what_ends_by_more_than_rows_and_time_is_not_kept(globex: Globex) -> None:
    calls = globex.admin.provider.repeated_calls
    assert calls is not None
    [event, *_] = await globex.events()
    recipient = replace(event.caller.principal, token_expires_at=now_ms() + 60_000)
    of_another_issuer = replace(recipient, token_expires_at=None)
    user = replace(recipient, type=PrincipalType.USER)
    context = globex.admin.provider.context(event.caller)
    for holder, age, is_kept in (
        (recipient, None, True),
        (recipient, 5, False),
        (of_another_issuer, None, False),
        (user, None, False),
    ):
        with calls.deciding() as deciding:
            note_read("token")
        context.event = replace(event, caller=Caller(holder, event.caller.face))
        context.state_age = age
        assert (calls.decided(deciding, context) is not None) is is_kept


async def test_what_was_decided_by_rows_of_no_known_state_is_not_kept(globex: Globex) -> None:
    calls, database = globex.admin.provider.repeated_calls, globex.admin.provider.database
    assert calls is not None
    [event, *_] = await globex.events()
    context = globex.admin.provider.context(event.caller)
    holder = replace(event.caller.principal, token_expires_at=now_ms() + 60_000)
    context.event = replace(event, caller=Caller(holder, event.caller.face))
    with calls.deciding() as one_state:
        note_read("token")
        note_read("token")
    with calls.deciding() as two_states:
        note_read("token")
        note_read("another")
    with calls.deciding() as none:
        pass
    with calls.deciding() as before_any_change:
        note_read("")
    with calls.deciding() as not_hot:
        note_read("token")
        async with database.read() as rows:
            await rows.shares.find("acme")
    with calls.deciding() as writes:
        note_read("token")
        async with database.write():
            pass
    assert calls.decided(one_state, context) is not None
    for deciding in (two_states, none, before_any_change, not_hot, writes):
        assert calls.decided(deciding, context) is None


async def limit(admin: AdminClient, requests: int) -> None:
    await admin.provider.recipients.update(
        admin.context, "globex", NO_CHANGE, None, lambda _: RecipientLimits(requests_per_minute=requests)
    )


def stop_the_minute(*admins: AdminClient) -> None:
    now = now_ms()
    for admin in admins:
        admin.provider.recipients._budgets._clock = lambda: now


async def served(admin: AdminClient, aiohttp_server: AiohttpServer) -> TestServer:
    return await aiohttp_server(make_app(admin.provider))

"""Repeated denials: what strangers make us write is bounded, and no denial goes uncounted."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from model_sharing_protocol.errors import MetastoreUnavailable, Unauthenticated
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.secrets import new_activation_code, new_token
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.http.urls import ACTIVATION_PATH, ACTIVATION_PREFIX
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.metastore.rows.audit_log import event_values
from model_sharing_provider.services.denials import WINDOW_SECONDS, DenialAggregator
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.provider import ProviderProcess, as_admin
from support.provider_cli import CliRunner

WINDOW = WINDOW_SECONDS * 1000
FACES = (
    f"{PREFIX}/shares/",
    f"{ACTIVATION_PATH}/",
    f"{ACTIVATION_PREFIX}/data_sharing_activation_info/",
    "/api/2.1/unity-catalog/catalogs/",
    "/api/2.0/mlflow/registered-models/get/",
    "/api/2.0/fs/files/Models/",
    "/artifacts/versions/a/",
    "/artifacts/files/a/",
    "/artifacts/tables/",
)


@dataclass
class Clock:
    now: int = 1_000_000

    def __call__(self) -> int:
        return self.now


def denial(address: str = "192.0.2.7", at: int = 1, face: str = "test", reason: str = "no") -> AuditEvent:
    caller = Caller(ANONYMOUS, face, address)
    return AuditEvent(
        at, caller, AuditAction.AUTHENTICATE, Target(SecurableType.METASTORE), Outcome.DENIED, reason
    )


async def denials(admin: AdminClient) -> list[AuditEvent]:
    """Those in the log, with what was counted up to now."""
    await admin.provider.audit_recorder.close()
    return await admin.provider.audit.latest(admin.context, 100_000, outcome=Outcome.DENIED)


def test_the_first_is_written_and_what_repeats_it_is_one_event_a_minute() -> None:
    clock = Clock()
    fold = DenialAggregator(clock)
    assert fold.is_first(denial(at=1), "Unauthenticated")
    assert not any(fold.is_first(denial(at=n, reason=f"free text {n}"), "Unauthenticated") for n in (2, 3, 4))
    assert fold.ended() == []
    clock.now += WINDOW
    (counted,) = fold.ended()
    assert (counted.count, counted.first_at, counted.at) == (3, 2, 4)
    assert not fold.is_first(denial(at=5), "Unauthenticated"), "it goes on"
    clock.now += WINDOW
    assert [each.count for each in fold.ended()] == [1]
    clock.now += WINDOW
    assert fold.ended() == []
    assert not fold, "what does not come again is forgotten"
    assert fold.is_first(denial(), "Unauthenticated")


def test_what_differs_in_what_the_server_knows_is_told_apart() -> None:
    fold = DenialAggregator()
    assert fold.is_first(denial(), "Unauthenticated")
    assert fold.is_first(denial(), "NotFound")
    assert fold.is_first(denial("192.0.2.8"), "Unauthenticated")
    assert fold.is_first(denial(face="other"), "Unauthenticated")
    assert fold.is_first(denial("2001:db8::1"), "Unauthenticated")
    assert not fold.is_first(denial("2001:db8::2"), "Unauthenticated"), "a /64 is one customer's"
    assert fold.is_first(denial("2001:db8:0:1::2"), "Unauthenticated")
    assert not fold.is_first(denial("::ffff:192.0.2.8"), "Unauthenticated")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20_000)), max_size=400))
def test_from_however_many_addresses_rows_are_bounded_and_nothing_is_lost(
    comes: list[tuple[int, int]],
) -> None:
    clock, written = Clock(), list[AuditEvent]()
    fold = DenialAggregator(clock, max_kinds=10)
    for address, pause in comes:
        clock.now += pause
        event = denial(f"192.0.2.{address}", clock.now)
        if fold.is_first(event, "Unauthenticated"):
            written.append(event)
        written += fold.ended()
    windows = (clock.now - 1_000_000) // WINDOW + 1
    assert len(written) <= windows * 2 * 11
    assert sum(event.count for event in [*written, *fold.drain()]) == len(comes)


def test_more_addresses_than_are_told_apart_are_others() -> None:
    fold = DenialAggregator(max_kinds=3)
    firsts = [fold.is_first(denial(f"192.0.2.{n}"), "Unauthenticated") for n in range(100)]
    assert sum(firsts) == 4
    (others,) = fold.drain()
    assert (others.action, others.count, others.caller.address) == (AuditAction.OTHER_DENIALS, 96, "")


@given(st.text(max_size=9000), st.text(max_size=300))
def test_a_denied_event_is_small_whatever_is_in_it(text: str, name: str) -> None:
    target = Target(SecurableType.SHARE, text, share=name, recipient=name)
    caller = Caller(ANONYMOUS, "unity-catalog", text, text)
    event = AuditEvent(
        2**53, caller, AuditAction.DELTA_SHARING_QUERY_MODEL_VERSION, target, Outcome.DENIED, text
    ).cut()
    (row,) = event_values([event])
    assert sum(len(str(value).encode()) for value in row.values()) < 1024
    assert len(text) <= 64 or event.reason != text or len(text.encode()) <= 200
    assert event.cut() == event
    if len(text.encode()) > 200:
        assert event.reason.endswith("…")
        assert text.startswith(event.reason[:-1])


async def test_an_attackers_requests_are_a_few_rows_and_all_are_counted(
    admin: AdminClient, server: TestServer
) -> None:
    asked = 900
    async with aiohttp.ClientSession() as session:
        for number in range(asked):
            await attack(session, server, number)
    found = await denials(admin)
    assert sum(event.count for event in found) == asked
    assert len(found) <= 4 * len(FACES)
    assert all(event.caller.address == "127.0.0.1" for event in found), "no stranger is believed"
    for row in event_values(found):
        assert sum(len(str(value).encode()) for value in row.values()) < 1024


async def attack(session: aiohttp.ClientSession, server: TestServer, number: int) -> None:
    """One request with another of everything each time."""
    rotating = f"{number}-{'x' * 6000}"
    face = FACES[number % len(FACES)]
    secret = new_activation_code() if "activation" in face else quote(rotating)
    query = f"grant={number}&token={number}&revision=1&expires=9999999999&key=k&signature={number}"
    url = server.make_url(f"{face}{secret}").with_query(query)
    headers = {
        "Authorization": f"Bearer {new_token() if number % 2 else rotating[:500]}",
        "Accept": "application/json",
        "User-Agent": rotating[:1000],
        "X-Request-Id": f"{number}",
        "X-Forwarded-For": f"198.51.100.{number % 250}",
        "Forwarded": f"for=198.51.100.{number % 250}",
    }
    async with session.get(url, headers=headers) as answer:
        assert answer.status in (401, 403, 404, 429), answer.status


async def test_denials_of_those_who_are_known_are_kept_one_by_one(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    token = (
        await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), "x")
    ).bearer_token
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for number in range(20):
            async with session.get(f"{endpoint}/shares/secret{number}") as answer:
                assert answer.status == 404
    found = await denials(admin)
    assert [event.target.share for event in reversed(found)] == [f"secret{n}" for n in range(20)]
    assert {event.count for event in found} == {1}


async def test_what_cannot_be_written_is_written_later(
    admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = admin.provider.audit_recorder
    error, writes = MetastoreUnavailable("away"), Database.append_events

    async def fail(_: Database, events: Sequence[AuditEvent], **_how: object) -> None:
        raise error

    await refuse(admin, 3)
    monkeypatch.setattr(Database, "append_events", fail)
    await recorder.close()
    with pytest.raises(MetastoreUnavailable):
        await refuse(admin, 1)
    await recorder.close()
    monkeypatch.setattr(Database, "append_events", writes)
    await refuse(admin, 2)
    while recorder._counted or recorder._denials:
        await recorder.close()
    assert sum(event.count for event in await denials(admin)) == 6


async def refuse(admin: AdminClient, times: int) -> None:
    context = admin.provider.context(Caller(ANONYMOUS, "test", "192.0.2.7"))
    for _ in range(times):
        await context.record_bad_secret(
            AuditAction.AUTHENTICATE, Target(SecurableType.METASTORE), Unauthenticated("no")
        )


async def test_the_command_line_shows_how_many(admin: AdminClient, provider_cli: CliRunner) -> None:
    await refuse(admin, 5)
    await admin.provider.audit_recorder.close()
    listed = (
        await asyncio.to_thread(provider_cli, "audit", "list", "--outcome", "DENIED", "--output", "json")
    ).json
    assert [event["count"] for event in listed] == [4, 1]
    assert listed[0]["first_at"] <= listed[0]["at"]
    assert "count" in (await asyncio.to_thread(provider_cli, "audit", "list")).out.lower()


def test_a_server_that_is_stopped_writes_what_it_counted(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    with ProviderProcess(home, log=log) as server:

        async def knock() -> None:
            async with aiohttp.ClientSession() as session:
                for number in range(50):
                    headers = {"Authorization": f"Bearer {new_token()}", "User-Agent": "x" * 4000}
                    url = f"{server.url}{PREFIX}/shares/{number}{'y' * 4000}"
                    async with session.get(url, headers=headers) as answer:
                        assert answer.status == 401

        asyncio.run(knock())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        lines = [line for line in server.said.splitlines() if '"request"' in line]
        assert len(lines) == 50
        assert max(map(len, lines)) < 400

    async def look(admin: AdminClient) -> list[AuditEvent]:
        return await admin.provider.audit.latest(admin.context, 100, outcome=Outcome.DENIED)

    events = as_admin(home, look)
    assert sorted(event.count for event in events) == [1, 49]
    assert time.time() * 1000 >= events[0].at >= events[0].first > 0

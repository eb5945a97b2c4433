"""Kept answers: given again while nothing has changed, each with its event; never after what allowed them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.pytest_plugin import AiohttpServer
from prometheus_client import REGISTRY

from model_sharing_protocol.errors import DiskFull
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.events import AuditEvent
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.domain.request_rates import RequestRates
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.keys.signing_keys import SigningKeys
from model_sharing_provider.metastore.database import Database
from model_sharing_provider.services.rate_limits import RateLimits
from model_sharing_provider.services.registry.updates import SecurableUpdate
from support.admin_client import AdminClient
from support.asking_recipient import CHAMPION, NAME, Globex
from support.captured_lines import captured_lines
from support.hostile_issuer import AUDIENCE, SUBJECT, HostileIssuer
from support.processes.provider import LOOPBACK

pytestmark = pytest.mark.each_database

COUNTED = {
    f"model_sharing_{name}"
    for name in (
        "requests_total",
        "request_seconds_count",
        "sent_bytes_total",
        "calls_total",
        "share_calls_total",
    )
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, allowed_issuer_networks=LOOPBACK)


async def test_each_answer_has_its_event_and_its_id(globex: Globex) -> None:
    first, again = await globex.ask(), await globex.ask()
    assert len(globex.decided) == 1
    assert again.body == first.body
    own = ("X-Request-ID", "Date")
    known, same = (
        {key: value for key, value in each.headers.items() if key not in own} for each in (first, again)
    )
    assert known == same
    assert again.headers["Cache-Control"] == "private, no-cache"
    events = await globex.events()
    assert len(events) == 4
    assert len({event.caller.request_id for event in events}) == 4
    assert events[0].caller.request_id == again.headers["X-Request-Id"]
    assert len({(event.target, event.caller.principal.name, event.caller.face) for event in events}) == 1
    assert {event.caller.address for event in events} == {"127.0.0.1"}


async def test_logs_and_metrics_are_those_of_any_answer(globex: Globex) -> None:
    path, lines, counts = f"{CHAMPION}?includeRecalled=true", [], []
    for _ in range(2):
        before = counted()
        with captured_lines() as logged:
            assert (await globex.ask(path)).version == 1
        [line] = [each for each in logged if each["event"] == "request"]
        lines.append({key: value for key, value in line.items() if key not in ("request_id", "milliseconds")})
        counts.append({name: value - before.get(name, 0) for name, value in counted().items()})
    assert len(globex.decided) == 2, "the second answer was kept"
    assert lines[0] == lines[1]
    assert (lines[0]["principal"], lines[0]["share"], lines[0]["recipient"]) == ("globex", "acme", "globex")
    assert counts[0] == counts[1]
    assert {name for (name, _), count in counts[0].items() if count} == COUNTED


def counted() -> dict[tuple[str, str], float]:
    """What is counted of requests and calls, by name and labels."""
    samples = (sample for family in REGISTRY.collect() for sample in family.samples)
    return {(each.name, str(each.labels)): each.value for each in samples if each.name in COUNTED}


Change = Callable[[AdminClient], Awaitable[object]]
ENDINGS: dict[str, tuple[Change, int]] = {
    "revoked": (lambda to: to.provider.share_permissions.revoke(to.context, "acme", "globex"), 404),
    "taken out": (lambda to: to.provider.shares.remove(to.context, "acme", "ml_team.scorer"), 404),
    "share renamed": (
        lambda to: to.provider.shares.update(to.context, "acme", [], SecurableUpdate(new_name="emca")),
        404,
    ),
    "share deleted": (lambda to: to.provider.shares.delete(to.context, "acme"), 404),
    "model deleted": (lambda to: to.provider.models.delete(to.context, NAME), 404),
    "alias deleted": (lambda to: to.provider.models.delete_alias(to.context, NAME, "Champion"), 404),
    "recipient deleted": (lambda to: to.provider.recipients.delete(to.context, "globex"), 401),
    "address": (
        lambda to: to.provider.recipients.update(
            to.context, "globex", SecurableUpdate(), ["198.51.100.0/24"]
        ),
        403,
    ),
    "rotated": (
        lambda to: to.provider.recipients.rotate_token(
            to.context, "globex", existing_expires_in=timedelta(0)
        ),
        401,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_answer_outlives_what_allowed_it(
    globex: Globex, elsewhere: AdminClient, ending: str
) -> None:
    change, status = ENDINGS[ending]
    answered = len(await globex.events())
    await change(elsewhere)
    refused = await globex.ask()
    assert (refused.status // 100, refused.status) == (4, status), refused.body
    assert (await globex.ask()).status == status
    assert len(await globex.events()) == answered, "no refusal is in the log as a success"


async def test_an_alias_that_was_moved_elsewhere_is_followed(globex: Globex, elsewhere: AdminClient) -> None:
    for version in (2, 1, 2):
        await elsewhere.provider.models.set_alias(elsewhere.context, NAME, "Champion", version)
        assert (await globex.ask()).version == version
        assert (await globex.ask()).version == version


async def test_many_who_ask_at_once_all_see_a_change(globex: Globex, elsewhere: AdminClient) -> None:
    await elsewhere.provider.models.set_alias(elsewhere.context, NAME, "Champion", 2)
    assert {answer.version for answer in await asyncio.gather(*(globex.ask() for _ in range(20)))} == {2}


async def test_another_question_has_its_own_answer(globex: Globex) -> None:
    tag = (await globex.ask()).headers["ETag"]
    for _ in range(2):
        assert (await globex.ask(If_None_Match=tag)).status == 304
        assert (await globex.ask(If_None_Match='"other"')).status == 200
        assert (await globex.ask(Accept_Encoding="gzip")).headers.get("Content-Encoding") is None
        head = await globex.ask(method="HEAD")
        assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag)
        assert (await globex.ask(CHAMPION + "?includeRecalled=maybe")).status == 400
        assert (await globex.ask(CHAMPION + "2")).status == 404
        assert (await globex.ask(Authorization="Bearer msh_of_nobody")).status == 401
        assert (await globex.ask(Content_Encoding="gzip")).status == 415


async def test_a_token_ends_by_itself(globex: Globex, monkeypatch: pytest.MonkeyPatch) -> None:
    later = now_ms() + 91 * 86_400_000
    for module in ("recipient_sign_in", "repeated_calls"):  # and it does not wait for the signature's end
        monkeypatch.setattr(f"model_sharing_provider.services.sharing.{module}.now_ms", lambda: later)
    assert (await globex.ask()).status == 401


@pytest.mark.parametrize("seconds", [31, -3600])
async def test_a_signature_is_of_its_half_minute_wherever_the_clock_moves(
    globex: Globex, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    before = await globex.ask()
    set_clock(monkeypatch, now_ms() + seconds * 1000)
    after = await globex.ask()
    assert after.headers["ETag"] == before.headers["ETag"]
    assert after.body != before.body


async def test_another_process_rotates_the_signing_key(globex: Globex, settings: Settings) -> None:
    before = await globex.ask()
    SigningKeys(settings.signing_keys_path).rotate()
    assert (await globex.ask()).headers["ETag"] != before.headers["ETag"]


async def test_a_token_whose_pepper_is_gone_opens_nothing(globex: Globex, settings: Settings) -> None:
    kept = json.loads(settings.secrets_path.read_bytes())
    for pepper in kept["token_peppers"]:
        pepper["secret"] = "00" * 32
    settings.secrets_path.write_text(json.dumps(kept))
    assert (await globex.ask()).status == 401


async def test_without_an_event_there_is_no_answer(globex: Globex, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Database, events: Sequence[AuditEvent], **_how: object) -> list[bool]:
        raise DiskFull("The disk is full.")

    with monkeypatch.context() as full, captured_lines() as logged:
        full.setattr(Database, "append_events", fail)
        refused = await globex.ask()
    assert refused.status == DiskFull.row.open_sharing_status
    assert b"version" not in refused.body
    assert [line["principal"] for line in logged if line["event"] == "request"] == ["globex"]
    assert (await globex.ask()).version == 1


async def test_each_answer_counts_against_the_rate_limit(globex: Globex) -> None:
    own = RateLimits(RequestRates(calls=3))
    globex.admin.provider.rate_limits._calls = own._calls
    assert [(await globex.ask()).status for _ in range(4)] == [200, 200, 200, 429]
    assert len(globex.decided) == 1


async def test_an_address_that_guesses_tokens_is_refused_while_the_token_is_not_known_as_good(
    globex: Globex,
) -> None:
    limits = RateLimits(RequestRates(failures=1))
    globex.admin.provider.rate_limits._failures = limits._failures
    globex.admin.provider.rate_limits._good.clear()
    assert (await globex.ask(Authorization="Bearer msh_guessed")).status == 401
    assert (await globex.ask()).status == 429


async def test_what_came_by_a_token_of_another_issuer_is_decided_each_time(
    globex: Globex, aiohttp_server: AiohttpServer
) -> None:
    admin, issuer = globex.admin, HostileIssuer()
    await issuer.start(aiohttp_server)
    await admin.provider.recipients.create_federated(admin.context, "hooli")
    await admin.provider.share_permissions.grant(admin.context, "acme", "hooli")
    policy = NewFederationPolicy(
        issuer=issuer.url, subject_claim="sub", subject=SUBJECT, audiences=(AUDIENCE,)
    )
    await admin.provider.federation_policies.create(admin.context, "hooli", policy, "jobs")
    decided = len(globex.decided)
    for _ in range(3):
        assert (await globex.ask(Authorization=f"Bearer {issuer.token()}")).version == 1
    assert len(globex.decided) == decided + 3


async def test_forwarded_addresses_are_told_apart(
    globex: Globex, settings: Settings, aiohttp_server: AiohttpServer
) -> None:
    """An access list allows one address behind a proxy, and not the other, which asks the same."""
    admin = globex.admin
    server = await aiohttp_server(make_app(admin.provider, ["127.0.0.0/8"]))
    globex.endpoint = str(server.make_url(PREFIX))
    networks = ["198.51.100.0/24"]
    await admin.provider.recipients.update(admin.context, "globex", SecurableUpdate(), networks)
    for _ in range(2):
        assert (await globex.ask(X_Forwarded_For="198.51.100.7")).version == 1
        assert (await globex.ask(X_Forwarded_For="192.0.2.7")).status == 403


def set_clock(monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    for module in ("recipient_sign_in", "repeated_calls", "signing"):
        monkeypatch.setattr(f"model_sharing_provider.services.sharing.{module}.now_ms", lambda: now)

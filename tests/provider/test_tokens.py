"""Activation links and bearer tokens: opened once, expiring, rotated with an overlap, never to be found."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Desk, write_model

from model_sharing_protocol.errors import (
    ActivationLinkUsed,
    InvalidParameter,
    InvalidState,
    NotFound,
    TokenExpired,
    Unauthenticated,
)
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.profile import parse_profile
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.secrets import TOKEN_PREFIX, new_token, well_formed
from model_sharing_provider.http.activation_links import ACTIVATION_PATH, ACTIVATION_PREFIX

NOTHING = timedelta(0)
HOUR = timedelta(hours=1)


async def test_fifty_at_once_and_exactly_one_gets_the_profile(desk: Desk, endpoint: str) -> None:
    code = await desk.share("acme", "globex")
    link = endpoint.removesuffix(PREFIX) + f"{ACTIVATION_PATH}/{code}"
    async with aiohttp.ClientSession() as session:

        async def open_link() -> tuple[int, bytes]:
            async with session.get(link) as answer:
                return answer.status, await answer.read()

        answers = await asyncio.gather(*(open_link() for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] + [410] * 49
    (body,) = (body for status, body in answers if status == 200)
    profile = parse_profile(body)
    assert profile.endpoint == endpoint
    assert profile.expires_at is not None
    assert timedelta(days=89) < profile.expires_at - datetime.now(UTC) <= timedelta(days=90)


async def test_looking_at_a_link_does_not_use_it_up(desk: Desk, endpoint: str) -> None:
    code = await desk.share("acme", "globex")
    base = endpoint.removesuffix(PREFIX)
    info = f"{base}{ACTIVATION_PREFIX}/data_sharing_activation_info"
    async with aiohttp.ClientSession() as session:
        for whole_link in (code, f"{base}{ACTIVATION_PATH}/{code}"):
            async with session.get(f"{info}/{whole_link}") as answer:
                assert (await answer.json())["recipient"] == "globex"
        async with session.get(f"{info}/no-such-code") as answer:
            assert answer.status == 404
        async with session.head(f"{base}{ACTIVATION_PATH}/{code}") as answer:
            assert answer.status != 200
    assert (await desk.activate(code, endpoint)).bearer_token.startswith(TOKEN_PREFIX)


async def test_a_used_or_unknown_link_is_told_apart(desk: Desk) -> None:
    code = await desk.share("acme", "globex")
    await desk.activate(code, "http://here")
    with pytest.raises(ActivationLinkUsed, match="used already"):
        await desk.activate(code, "http://here")
    with pytest.raises(NotFound, match="not known"):
        await desk.activate("x" * 43, "http://here")


async def test_rotation_overlaps_for_as_long_as_it_is_told(desk: Desk) -> None:
    recipients = desk.provider.recipients
    old = (await desk.activate(await desk.share("acme", "globex"), "http://here")).bearer_token
    code = await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR)
    new = (await desk.activate(code, "http://here")).bearer_token
    for token in (old, new):
        assert (await recipients.authenticate(desk.context, token)).name == "globex"
    recipient, _ = await recipients.get(desk.context, "globex")
    lifetimes = [token.expires_at - now_ms() for token in recipient.tokens]
    assert lifetimes[0] <= HOUR / timedelta(milliseconds=1) < lifetimes[1]
    with pytest.raises(InvalidState, match="already two active tokens"):
        await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR)
    code = await recipients.rotate_token(desk.context, "globex", existing_expires_in=NOTHING)
    for token in (old, new):
        with pytest.raises(TokenExpired, match="expired at"):
            await recipients.authenticate(desk.context, token)
    newest = (await desk.activate(code, "http://here")).bearer_token
    assert (await recipients.authenticate(desk.context, newest)).name == "globex"


async def test_rotation_only_ever_shortens(desk: Desk) -> None:
    recipients = desk.provider.recipients
    _, code = await recipients.create(desk.context, "globex", lifetime=HOUR)
    await desk.activate(code, "http://here")
    before, _ = await recipients.get(desk.context, "globex")
    await recipients.rotate_token(desk.context, "globex", existing_expires_in=timedelta(days=9))
    after, _ = await recipients.get(desk.context, "globex")
    assert after.tokens[0].expires_at == before.tokens[0].expires_at
    with pytest.raises(InvalidParameter, match="negative"):
        await recipients.rotate_token(desk.context, "globex", existing_expires_in=-HOUR)


async def test_a_link_that_nobody_used_is_replaced_and_the_working_token_goes_on(desk: Desk) -> None:
    recipients = desk.provider.recipients
    working = (await desk.activate(await desk.share("acme", "globex"), "http://here")).bearer_token
    links = [
        await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR) for _ in range(3)
    ]
    assert (await recipients.authenticate(desk.context, working)).name == "globex"
    for lost in links[:2]:
        with pytest.raises(NotFound, match="not known"):
            await desk.activate(lost, "http://here")
    new = (await desk.activate(links[2], "http://here")).bearer_token
    for token in (working, new):
        assert (await recipients.authenticate(desk.context, token)).name == "globex"
    assert len((await recipients.get(desk.context, "globex"))[0].tokens) == 2


async def test_a_first_link_that_got_lost_is_replaced_too(desk: Desk) -> None:
    recipients = desk.provider.recipients
    lost = await desk.share("acme", "globex")
    link = await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR)
    with pytest.raises(NotFound, match="not known"):
        await desk.activate(lost, "http://here")
    assert (await desk.activate(link, "http://here")).bearer_token


async def test_one_token_is_ended_by_itself(desk: Desk) -> None:
    """And then there is room for another rotation."""
    recipients = desk.provider.recipients
    old = (await desk.activate(await desk.share("acme", "globex"), "http://here")).bearer_token
    code = await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR)
    new = (await desk.activate(code, "http://here")).bearer_token
    first, _ = (await recipients.get(desk.context, "globex"))[0].tokens
    await recipients.revoke_token(desk.context, "globex", first.id)
    with pytest.raises(Unauthenticated):
        await recipients.authenticate(desk.context, old)
    assert (await recipients.authenticate(desk.context, new)).name == "globex"
    with pytest.raises(NotFound, match="has no token"):
        await recipients.revoke_token(desk.context, "globex", first.id)
    waiting = await recipients.rotate_token(desk.context, "globex", existing_expires_in=HOUR)
    *_, pending = (await recipients.get(desk.context, "globex"))[0].tokens
    await recipients.revoke_token(desk.context, "globex", pending.id)
    with pytest.raises(NotFound, match="not known"):
        await desk.activate(waiting, "http://here")


@pytest.mark.parametrize("lifetime", [NOTHING, timedelta(days=366), -HOUR])
async def test_a_token_lives_between_nothing_and_a_year(desk: Desk, lifetime: timedelta) -> None:
    with pytest.raises(InvalidParameter, match="365 days"):
        await desk.provider.recipients.create(desk.context, "globex", lifetime=lifetime)
    with pytest.raises(NotFound):
        await desk.provider.recipients.get(desk.context, "globex")


async def test_a_deleted_recipient_is_nobody(desk: Desk) -> None:
    token = (await desk.activate(await desk.share("acme", "globex"), "http://here")).bearer_token
    await desk.provider.recipients.delete(desk.context, "globex")
    with pytest.raises(Unauthenticated):
        await desk.provider.recipients.authenticate(desk.context, token)


@given(st.integers(0, 52), st.sampled_from("0Az~é "))
def test_a_checksum_catches_every_changed_character(position: int, character: str) -> None:
    token = new_token()
    assert well_formed(token)
    changed = token[:position] + character + token[position + 1 :]
    assert well_formed(changed) == (changed == token)


async def test_no_secret_is_anywhere_but_where_it_belongs(
    desk: Desk, endpoint: str, provider_home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Search everything the provider wrote, for the token, the code, and the keys."""
    await desk.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await desk.share("acme", "globex", "prod.ml_team.scorer")
    profile = await desk.activate(code, endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("/shares", "/shares/acme/all-models", "/nothing", "/shares/other"):
            async with session.get(endpoint + path) as answer:
                await answer.read()
    secrets_file = (provider_home / "secrets.json").read_text()
    keys = [word for word in secrets_file.split('"') if len(word) == 64]
    assert len(keys) == 2
    admin = (provider_home / "admin.token").read_text()
    files = b"".join(
        path.read_bytes()
        for path in provider_home.rglob("*")
        if path.is_file() and path.name not in ("secrets.json", "admin.token")
    )
    async with desk.provider.database.read() as rows:
        recipients, events = await rows.recipients.find("globex"), await rows.audit_log.latest(1000)
    written = files + repr((recipients, events)).encode()
    assert b"globex" in written
    said = caplog.text + repr(profile) + repr(desk.provider) + repr(desk.context.caller)
    for secret in (profile.bearer_token, code, admin, *keys):
        assert secret.encode() not in written
        assert secret not in said

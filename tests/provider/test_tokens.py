"""Activation links and bearer tokens: opened once, expiring, rotated with an overlap, never to be found."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from model_sharing_provider.http.urls import ACTIVATION_PATH, ACTIVATION_PREFIX
from support.admin_client import AdminClient
from support.model_folder import write_model

NOTHING = timedelta(0)
HOUR = timedelta(hours=1)


async def test_fifty_at_once_and_exactly_one_gets_the_profile(admin: AdminClient, endpoint: str) -> None:
    code = await admin.share("acme", "globex")
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


async def test_looking_at_a_link_does_not_use_it_up(admin: AdminClient, endpoint: str) -> None:
    code = await admin.share("acme", "globex")
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
    assert (await admin.activate(code, endpoint)).bearer_token.startswith(TOKEN_PREFIX)


async def test_a_used_or_unknown_link_is_told_apart(admin: AdminClient) -> None:
    code = await admin.share("acme", "globex")
    await admin.activate(code, "http://here")
    with pytest.raises(ActivationLinkUsed, match="used already"):
        await admin.activate(code, "http://here")
    with pytest.raises(NotFound, match="not known here, or has expired"):
        await admin.activate("x" * 43, "http://here")


async def test_rotation_overlaps_for_as_long_as_it_is_told(admin: AdminClient) -> None:
    recipients = admin.provider.recipients
    old = (await admin.activate(await admin.share("acme", "globex"), "http://here")).bearer_token
    code = await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR)
    new = (await admin.activate(code, "http://here")).bearer_token
    for token in (old, new):
        assert (await recipients.authenticate(admin.context, token)).name == "globex"
    recipient, _ = await recipients.get(admin.context, "globex")
    lifetimes = [token.expires_at - now_ms() for token in recipient.tokens]
    assert lifetimes[0] <= HOUR / timedelta(milliseconds=1) < lifetimes[1]
    with pytest.raises(InvalidState, match="already has two active tokens"):
        await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR)
    code = await recipients.rotate_token(admin.context, "globex", existing_expires_in=NOTHING)
    for token in (old, new):
        with pytest.raises(TokenExpired, match="expired at"):
            await recipients.authenticate(admin.context, token)
    newest = (await admin.activate(code, "http://here")).bearer_token
    assert (await recipients.authenticate(admin.context, newest)).name == "globex"


async def test_rotation_only_ever_shortens(admin: AdminClient) -> None:
    recipients = admin.provider.recipients
    _, code = await recipients.create(admin.context, "globex", lifetime=HOUR)
    await admin.activate(code, "http://here")
    before, _ = await recipients.get(admin.context, "globex")
    await recipients.rotate_token(admin.context, "globex", existing_expires_in=timedelta(days=9))
    after, _ = await recipients.get(admin.context, "globex")
    assert after.tokens[0].expires_at == before.tokens[0].expires_at
    with pytest.raises(InvalidParameter, match="negative"):
        await recipients.rotate_token(admin.context, "globex", existing_expires_in=-HOUR)


async def test_a_link_that_nobody_used_is_replaced_and_the_working_token_goes_on(admin: AdminClient) -> None:
    recipients = admin.provider.recipients
    working = (await admin.activate(await admin.share("acme", "globex"), "http://here")).bearer_token
    links = [
        await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR) for _ in range(3)
    ]
    assert (await recipients.authenticate(admin.context, working)).name == "globex"
    for lost in links[:2]:
        with pytest.raises(NotFound, match="not known here, or has expired"):
            await admin.activate(lost, "http://here")
    new = (await admin.activate(links[2], "http://here")).bearer_token
    for token in (working, new):
        assert (await recipients.authenticate(admin.context, token)).name == "globex"
    assert len((await recipients.get(admin.context, "globex"))[0].tokens) == 2


async def test_a_first_link_that_got_lost_is_replaced_too(admin: AdminClient) -> None:
    recipients = admin.provider.recipients
    lost = await admin.share("acme", "globex")
    link = await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR)
    with pytest.raises(NotFound, match="not known here, or has expired"):
        await admin.activate(lost, "http://here")
    assert (await admin.activate(link, "http://here")).bearer_token


async def test_one_token_is_ended_by_itself(admin: AdminClient) -> None:
    """And then there is room for another rotation."""
    recipients = admin.provider.recipients
    old = (await admin.activate(await admin.share("acme", "globex"), "http://here")).bearer_token
    code = await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR)
    new = (await admin.activate(code, "http://here")).bearer_token
    first, _ = (await recipients.get(admin.context, "globex"))[0].tokens
    await recipients.revoke_token(admin.context, "globex", first.id)
    with pytest.raises(Unauthenticated):
        await recipients.authenticate(admin.context, old)
    assert (await recipients.authenticate(admin.context, new)).name == "globex"
    with pytest.raises(NotFound, match="has no token"):
        await recipients.revoke_token(admin.context, "globex", first.id)
    waiting = await recipients.rotate_token(admin.context, "globex", existing_expires_in=HOUR)
    *_, pending = (await recipients.get(admin.context, "globex"))[0].tokens
    await recipients.revoke_token(admin.context, "globex", pending.id)
    with pytest.raises(NotFound, match="not known here, or has expired"):
        await admin.activate(waiting, "http://here")


@pytest.mark.parametrize("lifetime", [NOTHING, timedelta(days=366), -HOUR])
async def test_a_token_lives_between_nothing_and_a_year(admin: AdminClient, lifetime: timedelta) -> None:
    with pytest.raises(InvalidParameter, match="365 days"):
        await admin.provider.recipients.create(admin.context, "globex", lifetime=lifetime)
    with pytest.raises(NotFound):
        await admin.provider.recipients.get(admin.context, "globex")


async def test_a_deleted_recipient_is_nobody(admin: AdminClient) -> None:
    token = (await admin.activate(await admin.share("acme", "globex"), "http://here")).bearer_token
    await admin.provider.recipients.delete(admin.context, "globex")
    with pytest.raises(Unauthenticated):
        await admin.provider.recipients.authenticate(admin.context, token)


@given(st.integers(0, 52), st.sampled_from("0Az~é "))
def test_a_checksum_catches_every_changed_character(position: int, character: str) -> None:
    token = new_token()
    assert well_formed(token)
    changed = token[:position] + character + token[position + 1 :]
    assert well_formed(changed) == (changed == token)


async def test_no_secret_is_anywhere_but_where_it_belongs(
    admin: AdminClient, endpoint: str, provider_home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Search everything the provider wrote, for the token, the code, and the keys."""
    await admin.register(write_model(tmp_path / "m"), "prod.ml_team.scorer")
    code = await admin.share("acme", "globex", "prod.ml_team.scorer")
    profile = await admin.activate(code, endpoint)
    headers = {"Authorization": f"Bearer {profile.bearer_token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("/shares", "/shares/acme/all-models", "/nothing", "/shares/other"):
            async with session.get(endpoint + path) as answer:
                await answer.read()
    secrets_file = (provider_home / "secrets.json").read_text()
    keys = [word for word in secrets_file.split('"') if len(word) == 64]
    assert len(keys) == 2
    admin_token = (provider_home / "admin.token").read_text()
    files = b"".join(
        path.read_bytes()
        for path in provider_home.rglob("*")
        if path.is_file() and path.name not in ("secrets.json", "admin.token")
    )
    async with admin.provider.database.read() as rows:
        recipients, events = await rows.recipients.find("globex"), await rows.audit_log.latest(1000)
    written = files + repr((recipients, events)).encode()
    assert b"globex" in written
    said = caplog.text + repr(profile) + repr(admin.provider) + repr(admin.context.caller)
    for secret in (profile.bearer_token, code, admin_token, *keys):
        assert secret.encode() not in written
        assert secret not in said

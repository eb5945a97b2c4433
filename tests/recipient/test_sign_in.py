"""Sign-in at a token endpoint: one renewal for all, in time, whatever the endpoint does."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from model_sharing.transport import bounds
from model_sharing.transport.http_response import Response
from model_sharing.transport.network_errors import TransientError
from model_sharing.transport.response_reader import read_bounded
from model_sharing.transport.session import Transport
from model_sharing.transport.sign_in.access_tokens import AccessTokens
from model_sharing_protocol.errors import (
    InvalidProfile,
    NotASharingServer,
    ServerUnreachable,
    SharingError,
    SignInRefused,
    Unauthenticated,
)
from model_sharing_protocol.profile import parse_profile
from model_sharing_protocol.profile_sign_in import ClientCredentials, PrivateKeyJwt
from support.fake_provider.server import FakeProvider
from support.token_endpoint import CLIENT, SECRET, TokenEndpoint, issued, serving, serving_tokens


@pytest.fixture
async def issuer() -> AsyncIterator[TokenEndpoint]:
    async with serving_tokens() as endpoint:
        yield endpoint


@pytest.fixture
async def tokens() -> AsyncIterator[AccessTokens]:
    opened = AccessTokens()
    yield opened
    await opened.close()


def transport_of(provider: FakeProvider, issuer: TokenEndpoint) -> Transport:
    profile = parse_profile(issuer.profile(provider.endpoint))
    return Transport(lambda: profile, retry_for=1)


def bearers(provider: FakeProvider) -> list[str]:
    return [request.headers["Authorization"] for request in provider.requests]


async def list_shares(transport: Transport) -> bytes:
    async def read(response: Response) -> bytes:
        return await read_bounded(response)

    return await transport.call("GET", "/shares", read)


async def test_calls_share_one_token_that_goes_to_the_provider_alone(
    fake_provider: FakeProvider, issuer: TokenEndpoint
) -> None:
    fake_provider.tokens = {"access-token-1"}
    async with transport_of(fake_provider, issuer) as transport:
        await asyncio.gather(*(list_shares(transport) for _ in range(10)))
    assert issuer.forms == [{"grant_type": "client_credentials", "scope": "read"}]
    pair = base64.b64decode(issuer.headers[0]["Authorization"].removeprefix("Basic ")).decode()
    assert pair == f"{CLIENT}:{SECRET}"
    assert set(bearers(fake_provider)) == {"Bearer access-token-1"}


async def test_a_refused_token_is_renewed_once_and_tried_once(
    fake_provider: FakeProvider, issuer: TokenEndpoint
) -> None:
    fake_provider.tokens = {"access-token-1"}
    async with transport_of(fake_provider, issuer) as transport:
        await list_shares(transport)
        fake_provider.tokens = {"access-token-2"}
        await list_shares(transport)
        fake_provider.tokens = set()
        with pytest.raises(Unauthenticated, match="whether it lets that identity in"):
            await list_shares(transport)
    expected = [f"Bearer access-token-{number}" for number in (1, 1, 2, 2, 3)]
    assert bearers(fake_provider) == expected
    assert len(issuer.forms) == 3


async def test_a_token_is_renewed_before_it_ends(issuer: TokenEndpoint, tokens: AccessTokens) -> None:
    issuer.lifetime = 0.000_001
    first = await tokens.get(issuer.credentials)
    issuer.lifetime = 3600
    second, third = await tokens.get(issuer.credentials), await tokens.get(issuer.credentials)
    assert first.value != second.value == third.value
    assert 3500 < second.renew_at - time.monotonic() < 3541 < second.ends_at - time.monotonic() <= 3600


async def test_a_token_that_still_holds_is_used_while_the_issuer_is_down(
    issuer: TokenEndpoint,
) -> None:
    late = 0.0
    tokens = AccessTokens(clock=lambda: time.monotonic() + late)
    first = await tokens.get(issuer.credentials)

    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=503)

    issuer.answer = fail
    late = 3545
    assert await tokens.get(issuer.credentials) == first
    assert len(issuer.forms) == 2
    late = 3605
    with pytest.raises(TransientError):
        await tokens.get(issuer.credentials)


async def test_who_stops_waiting_leaves_the_renewal_to_the_others(
    issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    go_on = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await go_on.wait()
        return issued("the-one")

    issuer.answer = wait
    waiting = [asyncio.create_task(tokens.get(issuer.credentials)) for _ in range(5)]
    await issuer.asked.wait()
    waiting[0].cancel()
    go_on.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {each.value for each in results[1:] if not isinstance(each, BaseException)} == {"the-one"}
    assert len(issuer.forms) == 1


async def test_closing_ends_a_renewal_that_runs(issuer: TokenEndpoint, tokens: AccessTokens) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    issuer.answer = never
    waiting = asyncio.create_task(tokens.get(issuer.credentials))
    await issuer.asked.wait()
    await tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_another_client_in_the_profile_gets_another_token(
    issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    await tokens.get(issuer.credentials)
    await tokens.get(ClientCredentials(issuer.url, "another", SECRET))
    assert len(issuer.forms) == 2


async def test_a_profile_that_changes_during_a_renewal_ends_no_call(
    issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    go_on = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        if len(issuer.forms) == 1:
            await go_on.wait()
            return issued("of-the-old-client")
        return issued("of-the-new-client")

    issuer.answer = wait
    waiting = asyncio.create_task(tokens.get(issuer.credentials))
    await issuer.asked.wait()
    other = ClientCredentials(issuer.url, "another", SECRET)
    assert (await tokens.get(other)).value == "of-the-new-client"
    go_on.set()
    assert (await waiting).value == "of-the-old-client"
    assert (await tokens.get(other)).value == "of-the-new-client"


def plain(status: int, body: str | bytes, kind: str = "application/json", **headers: str) -> web.Response:
    content = body.encode() if isinstance(body, str) else body
    return web.Response(status=status, body=content, content_type=kind, headers=headers)


REFUSED = json.dumps(
    {"error": "invalid_client", "error_description": f"no \x1b[31m{SECRET}\n" + "long " * 5000}
)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: plain(302, b"", Location="https://elsewhere.example"), NotASharingServer, "redirect"),
        (lambda: plain(200, "<html>Log in</html>", "text/html"), NotASharingServer, "token endpoint"),
        (lambda: plain(404, "<html>Nothing</html>", "text/html"), NotASharingServer, "HTTP 404"),
        (lambda: plain(200, b"[" * 60_000), NotASharingServer, "token endpoint"),
        (lambda: plain(200, b"[]"), NotASharingServer, "token endpoint"),
        (lambda: plain(200, b"\xff\xfe"), NotASharingServer, "token endpoint"),
        (lambda: plain(200, b"{}"), NotASharingServer, "can be sent"),
        (lambda: plain(200, b" " * (bounds.SIGN_IN_BYTES + 1)), NotASharingServer, "more than"),
        (lambda: plain(400, REFUSED), SignInRefused, "invalid_client: no"),
        (lambda: plain(401, '{"error": 7}'), SignInRefused, "HTTP 401"),
        (lambda: plain(500, "oh"), TransientError, "in trouble"),
        (lambda: plain(429, "{}"), TransientError, "busy"),
        (lambda: issued("evil\r\nX-Evil: 1"), NotASharingServer, "can be sent"),
        (lambda: issued("with space"), NotASharingServer, "can be sent"),
        (lambda: issued("é"), NotASharingServer, "can be sent"),
        (lambda: issued("x" * 20_000), NotASharingServer, "can be sent"),
        (lambda: issued(["x"]), NotASharingServer, "can be sent"),
        (lambda: issued(""), NotASharingServer, "can be sent"),
        (lambda: issued("x", token_type="DPoP"), NotASharingServer, "'DPoP'"),
        (lambda: issued("x", token_type=["Bearer"]), NotASharingServer, "Bearer token"),
        (lambda: issued("x", 0), NotASharingServer, "expires_in 0"),
        (lambda: issued("x", -5), NotASharingServer, "expires_in -5"),
        (lambda: issued("x", "soon"), NotASharingServer, "expires_in 'soon'"),
        (lambda: issued("x", True), NotASharingServer, "expires_in True"),
        (lambda: issued("x", "nan"), NotASharingServer, "expires_in 'nan'"),
        (lambda: issued("x", [1]), NotASharingServer, "expires_in"),
    ],
)
async def test_each_answer_has_its_error(
    make: Callable[[], web.Response],
    error: type[Exception],
    words: str,
    issuer: TokenEndpoint,
    tokens: AccessTokens,
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return make()

    issuer.answer = answer
    with pytest.raises(error) as raised:
        await tokens.get(issuer.credentials)
    shown = raised.value.final.message if isinstance(raised.value, TransientError) else str(raised.value)
    assert words in shown
    assert SECRET not in shown
    assert len(shown) < 1000
    assert all(character.isprintable() for character in shown)


@pytest.mark.parametrize("said", [10**30, "99999999999999999999", "1e400", 1e300])
async def test_a_huge_lifetime_is_a_day(said: object, issuer: TokenEndpoint, tokens: AccessTokens) -> None:
    issuer.lifetime = said
    token = await tokens.get(issuer.credentials)
    assert token.ends_at - time.monotonic() <= 24 * 3600


@pytest.mark.parametrize("said", ["3600", 3600.0, None])
async def test_lifetimes_are_read_as_issuers_write_them(
    said: object, issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    issuer.lifetime = said
    assert await tokens.get(issuer.credentials) == await tokens.get(issuer.credentials)


async def test_an_endless_body_is_not_read_on(issuer: TokenEndpoint, tokens: AccessTokens) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 10_000)

    issuer.answer = endless
    with pytest.raises(NotASharingServer, match="more than"):
        await tokens.get(issuer.credentials)


async def test_an_issuer_that_hangs_is_given_up(
    issuer: TokenEndpoint, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    issuer.answer = never
    monkeypatch.setattr(bounds, "SIGN_IN_SECONDS", 0.2)
    with pytest.raises(TransientError) as raised:
        await tokens.get(issuer.credentials)
    assert isinstance(raised.value.final, ServerUnreachable)


async def test_an_issuer_in_trouble_for_a_moment_is_asked_again(
    fake_provider: FakeProvider, issuer: TokenEndpoint
) -> None:
    async def first_fail(_: web.Request) -> web.Response:
        issuer.answer = None
        return web.Response(status=503)

    issuer.answer = first_fail
    fake_provider.tokens = {"access-token-2"}
    async with transport_of(fake_provider, issuer) as transport:
        await list_shares(transport)
    assert bearers(fake_provider) == ["Bearer access-token-2"]


async def test_without_a_token_the_provider_is_not_called(
    fake_provider: FakeProvider, issuer: TokenEndpoint
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "invalid_client"}, status=401)

    issuer.answer = refuse
    async with transport_of(fake_provider, issuer) as transport:
        with pytest.raises(SignInRefused, match="invalid_client"):
            await list_shares(transport)
    assert fake_provider.requests == []
    assert len(issuer.forms) == 1


@pytest.mark.parametrize("address", ["http://issuer.example/token", "http://10.0.0.1/token"])
async def test_a_secret_is_never_sent_in_clear(address: str, tokens: AccessTokens) -> None:
    with pytest.raises(InvalidProfile, match="must be https"):
        await tokens.get(ClientCredentials(address, CLIENT, SECRET))


async def test_a_redirect_is_not_followed(issuer: TokenEndpoint, tokens: AccessTokens) -> None:
    asked: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return issued("stolen")

    async with serving(thief) as elsewhere:

        async def redirect(_: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(elsewhere)

        issuer.answer = redirect
        with pytest.raises(NotASharingServer, match="307"):
            await tokens.get(issuer.credentials)
    assert asked == []


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "client.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


async def test_a_client_signs_its_assertion_with_its_private_key(
    key_file: Path, issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    settings = PrivateKeyJwt(
        issuer.url, CLIENT, "https://issuer.example/", key_file, "key-1", "ES256", "https://acme", "read"
    )
    await tokens.get(settings)
    form = issuer.forms[0]
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    public = serialization.load_pem_private_key(key_file.read_bytes(), None).public_key()
    claims: dict[str, Any] = jwt.decode(
        form["assertion"],
        public,  # type: ignore[arg-type]  # the key is of one of the kinds that it takes
        ["ES256"],
        audience="https://issuer.example/",
    )
    assert (claims["iss"], claims["sub"], claims["resource"], claims["scope"]) == (
        CLIENT,
        CLIENT,
        "https://acme",
        "read",
    )
    assert claims["exp"] - claims["iat"] == 120
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "key-1"


async def test_a_key_that_cannot_sign_is_named_and_not_shown(
    key_file: Path, tmp_path: Path, issuer: TokenEndpoint, tokens: AccessTokens
) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n")
    for path, algorithm in ((tmp_path / "missing.pem", "ES256"), (key_file, "RS256"), (garbage, "RS256")):
        with pytest.raises(InvalidProfile, match=path.name) as raised:
            await tokens.get(PrivateKeyJwt(issuer.url, CLIENT, "https://i", path, algorithm=algorithm))
        assert SECRET not in repr(raised.value)
        assert isinstance(raised.value, SharingError)
    assert issuer.forms == []


async def test_an_issuer_that_is_not_there_is_not_taken_for_the_provider(tokens: AccessTokens) -> None:
    with pytest.raises(TransientError) as raised:
        await tokens.get(ClientCredentials("http://127.0.0.1:1/token", CLIENT, SECRET))
    said = raised.value.final.message
    assert said.startswith("http://127.0.0.1:1, where this client signs in, cannot be reached")
    assert "the address in the profile" in said and "provider" not in said

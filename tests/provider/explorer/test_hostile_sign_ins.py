"""Answers, tokens and identity providers that would sign somebody in wrongly: a plain page, and no session.

After RFC 9700, OAuth 2.0 Security Best Current Practice. Each differs from a good one in one thing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer
from yarl import URL

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.request_rates import RequestRates
from model_sharing_provider.services.registry import code_sign_in
from model_sharing_provider.services.registry.code_sign_in import PendingSignIn
from support.admin_client import AdminClient
from support.code_flow import (
    BEGIN,
    CALLBACK,
    CLIENT,
    CODE,
    SECRET,
    CodeFlow,
    Way,
    check_refused,
    keep,
    let_in,
    refusals,
    settings_with,
    signed_in,
)
from support.explorer_client import ExplorerClient, new_browser
from support.hostile_issuer import HostileIssuer, encoded, sign
from support.identity_provider import refreshed

Answer = list[tuple[str, str]]


@pytest.fixture
async def flow(aiohttp_server: AiohttpServer) -> CodeFlow:
    found = CodeFlow(HostileIssuer())
    await found.start(aiohttp_server)
    return found


@pytest.fixture
def settings(provider_home: Path, flow: CodeFlow, tmp_path: Path) -> Settings:
    return settings_with(flow, Settings(provider_home), tmp_path)


@pytest.fixture
async def ana(admin: AdminClient, flow: CodeFlow, stranger: ExplorerClient) -> ExplorerClient:
    """Browser of ana, whom a policy lets in."""
    await let_in(admin, flow)
    return stranger


def changed(name: str, *values: str) -> Callable[[Way], Answer]:
    """Answer in which one parameter has other values, or is missing."""
    return lambda way: [pair for pair in way.answer if pair[0] != name] + [(name, each) for each in values]


def state_of(way: Way) -> str:
    return way.there.query["state"]


ANSWERS: dict[str, Callable[[Way], Answer]] = {
    "no parameter": lambda way: [],
    "no state": changed("state"),
    "an empty state": changed("state", ""),
    "another state": changed("state", "0" * 64),
    "a state that is cut": lambda way: changed("state", state_of(way)[:-1])(way),
    "a state in capitals": lambda way: changed("state", state_of(way).upper())(way),
    "two states": lambda way: changed("state", state_of(way), state_of(way))(way),
    "a state that is not ASCII": changed("state", "é" * 64),
    "no code": changed("code"),
    "an empty code": changed("code", ""),
    "two codes": changed("code", CODE, CODE),
    "a code without an end": changed("code", "x" * 5000),
    "a code of somebody else": changed("code", "another-code"),
    "the issuer of a mix-up": changed("iss", "https://evil.example"),
    "an issuer with a slash": lambda way: changed("iss", f"{way.issuer}/")(way),
    "two issuers": lambda way: changed("iss", "https://evil.example", way.issuer)(way),
    "an error": changed("error", "access_denied"),
    "an error that is a text": changed("error", "<script>alert(1)</script> call 555-1234"),
}


@pytest.mark.parametrize("change", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_refused(
    change: Callable[[Way], Answer], flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    way = await flow.begin(ana)
    page = await way.come_back(change(way))
    await check_refused(page, admin)
    assert "alert(1)" not in page.text
    assert not [form for form in flow.forms if len(form["code"]) > 4096]
    # It ends the sign-in, so that nothing of it can be tried again.
    assert (await way.come_back()).title == "You are not signed in"


async def test_an_issuer_that_says_who_it_is_always_does(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    flow.configuration = {"authorization_response_iss_parameter_supported": True}
    way = await flow.begin(ana)
    await check_refused(await way.come_back(changed("iss")(way)), admin)


async def test_one_that_does_not_is_believed_by_the_state(flow: CodeFlow, ana: ExplorerClient) -> None:
    way = await flow.begin(ana)
    assert (await refreshed(await way.come_back(changed("iss")(way)))).title == "Home"


def another(pending: str, **fields: Any) -> str:
    found = PendingSignIn.parse(pending)
    assert found is not None
    values: dict[str, Any] = {"started_at": found.started_at, "secret": found.secret, "wanted": found.wanted}
    return PendingSignIn(**(values | fields)).encode()


COOKIES: dict[str, Callable[[str], str]] = {
    "none": lambda _: "",
    "no cookie of ours": lambda _: "..",
    "many dots": lambda _: "." * 4000,
    "a longer life": lambda pending: another(pending, started_at=int(time.time() * 1000) + 5000),
    "a time that is none": lambda pending: "x" + pending,
    "a time without an end": lambda pending: "9" * 3000 + pending,
    "another page to open": lambda pending: another(pending, wanted="/explorer/audit"),
    "another secret": lambda pending: another(pending, secret="x" * 43),
    "a page that is not text": lambda pending: pending + "_w==",
    "what is not ASCII": lambda pending: pending.replace(".", ".é", 1),
}


@pytest.mark.parametrize("change", COOKIES.values(), ids=COOKIES)
async def test_a_cookie_is_refused(
    change: Callable[[str], str], flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    way = await flow.begin(ana, "/explorer/catalogs")
    keep(ana, change(way.pending))
    await check_refused(await way.come_back(), admin)
    assert not flow.forms, "the issuer was not even asked"


async def test_a_cookie_that_is_not_text_is_none(server: TestServer, admin: AdminClient) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        b"GET /explorer/sign-in/callback?code=a&state=b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Cookie: model-sharing-sign-in=1.\xff\xfe.YQ==\r\n\r\n"
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
    (reason,) = await refusals(admin)
    assert reason.startswith("No sign-in is in progress in this browser")


async def test_nobody_is_signed_in_as_an_attacker(
    flow: CodeFlow, ana: ExplorerClient, server: TestServer, admin: AdminClient
) -> None:
    """Login CSRF: the link has the attacker's own code and state, for the victim's browser."""
    victim = new_browser(server)
    try:
        way = await flow.begin(ana)
        await check_refused(await way.come_back(browser=victim), admin)
        await flow.begin(victim)
        page = await way.come_back(browser=victim)
        assert (page.status, "belongs to another sign-in" in page.text, signed_in(victim)) == (
            401,
            True,
            False,
        )
    finally:
        await victim.session.close()


async def test_a_sign_in_that_took_too_long(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = await flow.begin(ana)
    monkeypatch.setattr(code_sign_in, "LIFETIME", timedelta(milliseconds=-1))
    page = await way.come_back()
    await check_refused(page, admin)
    assert "took longer than" in page.text


def by_hand(claims: dict[str, Any], algorithm: str, secret: str) -> str:
    head = {"alg": algorithm, "typ": "JWT"}
    key = jwt.get_algorithm_by_name(algorithm)
    signed = f"{encoded(head)}.{encoded(claims)}"
    mac = key.sign(signed.encode(), secret.encode())
    return f"{signed}.{encoded(mac)}"


def token(**fields: Any) -> Callable[[HostileIssuer, dict[str, Any]], Any]:
    return lambda issuer, claims: issuer.token(**(claims | fields))


ID_TOKENS: dict[str, Callable[[HostileIssuer, dict[str, Any]], Any]] = {
    "none": lambda i, c: None,
    "a list": lambda i, c: [i.token(**c)],
    "a text": lambda i, c: "token",
    "another nonce": token(nonce="x" * 43),
    "no nonce": token(nonce=None),
    "an empty nonce": token(nonce=""),
    "a list of nonces": lambda i, c: i.token(**(c | {"nonce": [c["nonce"]]})),
    "another audience": token(aud="another"),
    "an audience that begins alike": token(aud=f"{CLIENT}-2"),
    "no audience": token(aud=None),
    "an audience of two, asked for by nobody": token(aud=[CLIENT, "another"]),
    "an audience of two, asked for by another": token(aud=[CLIENT, "another"], azp="another"),
    "asked for by another": token(azp="another"),
    "asked for by a list": token(azp=[CLIENT]),
    "another issuer": token(iss="https://evil.example"),
    "an issuer with a slash": lambda i, c: i.token(**(c | {"iss": f"{i.url}/"})),
    "expired": token(iat=1, nbf=1, exp=2),
    "not yet valid": token(nbf=int(time.time()) + 3600),
    "for a year": token(exp=int(time.time()) + 365 * 86400),
    "no algorithm": lambda i, c: f"{encoded({'alg': 'none'})}.{encoded(i.claims(**c))}.",
    "a MAC of the client's secret": lambda i, c: by_hand(i.claims(**c), "HS256", SECRET),
    "the key of a stranger": lambda i, c: sign({"alg": "RS256", "kid": "rsa"}, i.claims(**c), "stranger"),
    "a type of another use": lambda i, c: i.token({"typ": "logout+jwt"}, **c),
    "not signed": lambda i, c: i.token(**c).rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("make", ID_TOKENS.values(), ids=ID_TOKENS)
async def test_an_id_token_is_refused(
    make: Callable[[HostileIssuer, dict[str, Any]], Any],
    flow: CodeFlow,
    ana: ExplorerClient,
    admin: AdminClient,
) -> None:
    flow.token = make
    await check_refused(await (await flow.begin(ana)).come_back(), admin)


async def test_a_token_for_several_says_who_asked(flow: CodeFlow, ana: ExplorerClient) -> None:
    flow.claims = {"aud": ["another", CLIENT], "azp": CLIENT}
    assert (await refreshed(await (await flow.begin(ana)).come_back())).title == "Home"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/explorer", "/elsewhere", "/explorers", "/\\evil.example", "é"],
)
async def test_nobody_is_sent_to_another_site(flow: CodeFlow, ana: ExplorerClient, wanted: str) -> None:
    page = await (await flow.begin(ana, wanted)).come_back()
    refresh = page.soup.find("meta", {"http-equiv": "refresh"})
    assert refresh["content"] == "0; url=/explorer"  # type: ignore[index]


async def test_another_site_begins_nothing_and_head_uses_nothing_up(
    flow: CodeFlow, ana: ExplorerClient
) -> None:
    page = await ana.open(f"{BEGIN}?next=/explorer/catalogs", **{"Sec-Fetch-Site": "cross-site"})
    assert (page.title, page.url.query["next"]) == ("Sign in", "/explorer/catalogs")
    assert not flow.issuer.asked
    way = await flow.begin(ana)
    for path in (BEGIN, f"{CALLBACK}?{way.there.query_string}"):
        async with ana.session.head(ana.base.join(URL(path, encoded=True))) as answer:
            assert answer.status == 401, "as a page that does not exist"
    assert (await refreshed(await way.come_back())).title == "Home"


@pytest.fixture
def few_failures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "request_rates", property(lambda _: RequestRates(failures=3)))


@pytest.mark.usefixtures("few_failures")
async def test_answers_are_not_tried_for_ever(flow: CodeFlow, stranger: ExplorerClient) -> None:
    for status in (401, 401, 401, 429):
        assert (await stranger.open(f"{CALLBACK}?code=x&state=y")).status == status
    page = await stranger.open(BEGIN)
    assert (page.status, "too many requests" in page.text) == (429, True)
    assert not flow.issuer.asked


async def test_who_has_no_policy_is_told_what_to_ask_for(
    flow: CodeFlow, ana: ExplorerClient, admin: AdminClient
) -> None:
    flow.claims = {"sub": "bob's; rm -rf <b>/</b>"}
    page = await (await flow.begin(ana)).come_back()
    assert (page.status, page.title, signed_in(ana)) == (403, "You have no access here yet", False)
    line = page.soup.find("pre").get_text()  # type: ignore[union-attr]
    assert f"--issuer {flow.issuer.url} --subject 'bob'\"'\"'s; rm -rf <b>/</b>' --audience {CLIENT}" in line
    assert "eyJ" not in str(page.soup)
    assert len(await refusals(admin)) == 1

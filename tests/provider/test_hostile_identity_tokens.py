"""Tokens and issuers that try to sign in as somebody else: all refused, in bounded time, and audited once.

Algorithm confusion and token substitution, after RFC 8725. Each token differs from a good one in one thing.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import Outcome
from model_sharing_provider.domain.federation import NewFederationPolicy
from model_sharing_provider.identity_providers import issuer_documents
from support.admin_client import AdminClient
from support.hostile_issuer import (
    AUDIENCE,
    CONFIGURATION,
    KEYS,
    SUBJECT,
    HostileIssuer,
    encoded,
    public_key,
    sign,
    signing_keys,
)
from support.processes.provider import LOOPBACK

HOUR = 3600
GOOD = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


@pytest.fixture
def settings(provider_home: Any) -> Settings:
    return Settings(provider_home, allowed_issuer_networks=LOOPBACK)


@pytest.fixture
async def issuer(admin: AdminClient, aiohttp_server: AiohttpServer) -> HostileIssuer:
    """An issuer that two recipients have policies for, each for a subject of its own."""
    found = HostileIssuer()
    await found.start(aiohttp_server)
    for name, subject in (("globex", SUBJECT), ("initech", "initech-jobs")):
        await admin.provider.recipients.create_federated(admin.context, name)
        await admin.provider.federation_policies.create(
            admin.context,
            name,
            NewFederationPolicy(
                issuer=found.url, subject_claim="sub", subject=subject, audiences=(AUDIENCE,)
            ),
        )
    return found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def call(session: aiohttp.ClientSession, endpoint: str, token: str) -> tuple[int, dict[str, Any]]:
    async with session.get(f"{endpoint}/shares", headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status, await answer.json()


async def denials(admin: AdminClient) -> list[str]:
    events = await admin.provider.audit.latest(admin.context, 100)
    signing_in = [event for event in events if event.action is AuditAction.AUTHENTICATE]
    return [event.reason for event in signing_in if event.outcome is Outcome.DENIED]


def mac(issuer: HostileIssuer, algorithm: str, secret: bytes) -> str:
    """MAC with the issuer's public key as its secret, by hand: libraries refuse to make one."""
    signed = f"{encoded({'alg': algorithm, 'kid': 'rsa'})}.{encoded(issuer.claims())}"
    digest = hashlib.new(f"sha{algorithm[2:]}").name
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), digest).digest())}"


def public_pem() -> bytes:
    key: RSAPrivateKey = signing_keys()["rsa"]
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def stolen(issuer: HostileIssuer, header: dict[str, Any]) -> str:
    """Token by a stranger's key, whose header tells where to find that key."""
    return sign({"alg": "RS256", **header}, issuer.claims(), "stranger")


def twice(issuer: HostileIssuer) -> bytes:
    """Claims in which `sub` stands twice."""
    return json.dumps(issuer.claims()).replace("{", '{"sub": "initech-jobs", ', 1).encode()


def tampered(issuer: HostileIssuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(sub='initech-jobs'))}.{signature}"


def now() -> int:
    return int(time.time())


def without(claim: str) -> Callable[[HostileIssuer], str]:
    changed: dict[str, Any] = {claim: None}
    return lambda issuer: issuer.token(**changed)


TOKENS: dict[str, Callable[[HostileIssuer], str]] = {
    "no algorithm": lambda i: f"{encoded({'alg': 'none'})}.{encoded(i.claims())}.",
    "no algorithm, with a signature": lambda i: f"{encoded({'alg': 'none'})}.{encoded(i.claims())}.c2ln",
    "no algorithm, in capitals": lambda i: f"{encoded({'alg': 'NoNe'})}.{encoded(i.claims())}.c2ln",
    "HS256 with the public key as PEM": lambda i: mac(i, "HS256", public_pem()),
    "HS256 with the public key as JWK": lambda i: mac(i, "HS256", json.dumps(public_key("rsa")).encode()),
    "HS512 with the public key": lambda i: mac(i, "HS512", public_pem()),
    "RS256 that says RS512": lambda i: sign({"alg": "RS512", "kid": "rsa"}, i.claims()),
    "RS256 that says PS256": lambda i: sign({"alg": "PS256", "kid": "rsa"}, i.claims()),
    "RS256 that says ES256": lambda i: sign({"alg": "ES256", "kid": "rsa"}, i.claims()),
    "ES256 with a key of P-384": lambda i: sign(
        {"alg": "ES256", "kid": "P-384"}, i.claims(), "P-256", "ES256"
    ),
    "an algorithm in lower case": lambda i: i.token({"alg": "rs256"}),
    "an algorithm that is a list": lambda i: i.token({"alg": ["RS256"]}),
    "the algorithm ES256K": lambda i: i.token({"alg": "ES256K"}),
    "no algorithm at all": lambda i: sign({"kid": "rsa"}, i.claims()),
    "the key of a stranger": lambda i: stolen(i, {"kid": "rsa"}),
    "the key of a stranger, without a kid": lambda i: stolen(i, {}),
    "a kid that is unknown": lambda i: stolen(i, {"kid": "stranger"}),
    "a kid that is a path": lambda i: stolen(i, {"kid": "../../../../dev/null"}),
    "a kid that is a URL": lambda i: stolen(i, {"kid": f"{i.url}/stolen"}),
    "a kid that is SQL": lambda i: stolen(i, {"kid": "' UNION SELECT 'key' --"}),
    "a kid that is a number": lambda i: stolen(i, {"kid": 7}),
    "a kid of another key": lambda i: sign({"alg": "RS256", "kid": "P-256"}, i.claims()),
    "a jku header": lambda i: stolen(i, {"kid": "stranger", "jku": f"{i.url}/stolen"}),
    "an x5u header": lambda i: stolen(i, {"kid": "stranger", "x5u": f"{i.url}/stolen"}),
    "a jwk header": lambda i: stolen(i, {"kid": "stranger", "jwk": public_key("stranger")}),
    "a crit header": lambda i: i.token({"crit": ["exp"]}),
    "a payload that is not encoded": lambda i: i.token({"b64": False, "crit": ["b64"]}),
    "a type of another use": lambda i: i.token({"typ": "logout+jwt"}),
    "claims that were changed": tampered,
    "a signature that was cut": lambda i: i.token()[:-8],
    "no signature": lambda i: i.token().rpartition(".")[0] + ".",
    "an encrypted token": lambda i: ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), *"abcd"]),
    "another audience": lambda i: i.token(aud="https://other.example"),
    "an audience that begins alike": lambda i: i.token(aud=f"{AUDIENCE}.evil.example"),
    "a list of other audiences": lambda i: i.token(aud=["a", "b"]),
    "an audience that is an object": lambda i: i.token(aud={AUDIENCE: True}),
    "a subject without a policy": lambda i: i.token(sub="nobody"),
    "a subject in other letters": lambda i: i.token(sub=SUBJECT.upper()),
    "a subject with a space": lambda i: i.token(sub=f"{SUBJECT} "),
    "a subject that is a number": lambda i: i.token(sub=7),
    "a subject in another claim": lambda i: i.token(sub="nobody", azp=SUBJECT, email=SUBJECT),
    "an issuer with a slash": lambda i: i.token(iss=f"{i.url}/"),
    "an issuer in other letters": lambda i: i.token(iss=i.url.replace("http", "HTTP")),
    "an issuer with a path": lambda i: i.token(iss=f"{i.url}/tenant"),
    "an issuer that is a list": lambda i: i.token(iss=[i.url]),
    "an expired token": lambda i: i.token(iat=now() - 2 * HOUR, nbf=None, exp=now() - HOUR),
    "a token of the future": lambda i: i.token(nbf=now() + HOUR),
    "a token issued in the future": lambda i: i.token(iat=now() + HOUR, nbf=None, exp=now() + 2 * HOUR),
    "a token for a year": lambda i: i.token(exp=now() + 365 * 24 * HOUR),
    "an end that is a text": lambda i: i.token(exp=str(now() + HOUR)),
    "an end that is true": lambda i: i.token(exp=True),
    "an end beyond all numbers": lambda i: sign(
        {"alg": "RS256", "kid": "rsa"},
        json.dumps(i.claims(exp=1)).replace('"exp": 1', '"exp": 1e999').encode(),
    ),
    "a beginning that is not a number": lambda i: i.token(nbf=float("nan")),
    "claims that stand twice": lambda i: sign({"alg": "RS256", "kid": "rsa"}, twice(i)),
    "claims that are a list": lambda i: sign({"alg": "RS256", "kid": "rsa"}, b"[]"),
    "claims that are not JSON": lambda i: sign({"alg": "RS256", "kid": "rsa"}, b"{"),
    "claims that are not UTF-8": lambda i: sign({"alg": "RS256", "kid": "rsa"}, b'{"iss": "\xff"}'),
    "claims that are nested deeply": lambda i: sign({"alg": "RS256", "kid": "rsa"}, b'{"a":' + b"[" * 3000),
    "a header that is nested deeply": lambda i: encoded(b'{"a":' + b"[" * 3000) + ".e30.c2ln",
    "a header that is not JSON": lambda i: f"e.{encoded(i.claims())}.c2ln",
    "characters of another alphabet": lambda i: i.token().replace(".", ".+/=", 1),
    "only dots": lambda i: "..",
    "many dots": lambda i: "." * 1000,
    **{f"no {name}": without(name) for name in ("iss", "aud", "exp", "iat", "sub")},
}


@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
async def test_a_token_is_refused(
    make: Callable[[HostileIssuer], str],
    issuer: HostileIssuer,
    admin: AdminClient,
    endpoint: str,
    session: aiohttp.ClientSession,
) -> None:
    status, answer = await call(session, endpoint, make(issuer))
    assert (status, answer["errorCode"]) in ((401, "UNAUTHENTICATED"), (401, "TOKEN_EXPIRED"))
    assert "dentity token" in answer["message"]
    assert await denials(admin) == [answer["message"]]
    assert set(issuer.asked) <= {CONFIGURATION, KEYS}


@pytest.mark.parametrize(
    ("algorithm", "kid"),
    [
        *((each, "rsa") for each in GOOD),
        ("ES256", "P-256"),
        ("ES384", "P-384"),
        ("ES512", "P-521"),
        ("EdDSA", "Ed25519"),
    ],
)
async def test_a_good_token_is_its_recipients(
    algorithm: str, kid: str, issuer: HostileIssuer, endpoint: str, session: aiohttp.ClientSession
) -> None:
    assert (await call(session, endpoint, issuer.token(kid=kid, algorithm=algorithm)))[0] == 200
    several = issuer.token({"typ": "at+jwt"}, kid, algorithm, aud=["other", AUDIENCE])
    assert (await call(session, endpoint, several))[0] == 200
    # Fetched once, for all of them.
    assert issuer.asked == [CONFIGURATION, KEYS]


async def test_clocks_may_differ_a_little(
    issuer: HostileIssuer, endpoint: str, session: aiohttp.ClientSession
) -> None:
    fast, slow = now() + 30, now() - 30
    assert (await call(session, endpoint, issuer.token(iat=fast, nbf=fast)))[0] == 200
    assert (await call(session, endpoint, issuer.token(iat=slow - HOUR, nbf=None, exp=slow)))[0] == 200


async def test_issuers_that_nobody_named_are_not_asked(
    issuer: HostileIssuer, endpoint: str, session: aiohttp.ClientSession, aiohttp_server: AiohttpServer
) -> None:
    stranger = HostileIssuer()
    await stranger.start(aiohttp_server)
    assert (await call(session, endpoint, stranger.token()))[0] == 401
    assert stranger.asked == issuer.asked == []


async def test_unknown_keys_do_not_flood_the_issuer(
    issuer: HostileIssuer, endpoint: str, session: aiohttp.ClientSession
) -> None:
    tokens = [issuer.token({"kid": f"unknown-{number}"}) for number in range(20)]
    answers = await asyncio.gather(*(call(session, endpoint, token) for token in tokens))
    assert {status for status, _ in answers} == {401}
    assert issuer.asked == [CONFIGURATION, KEYS]


async def say(content: Any, **options: Any) -> web.Response:
    return web.json_response(content, **options)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"keys": [')
    while True:
        await response.write(b" " * 65536)


def keys(*found: dict[str, Any]) -> Callable[[web.Request], Any]:
    return lambda _request: say({"keys": list(found)})


ISSUERS: dict[str, tuple[str, Callable[[web.Request], Any]]] = {
    "names another issuer": (
        CONFIGURATION,
        lambda r: say({"issuer": "https://other.example", "jwks_uri": f"http://{r.host}{KEYS}"}),
    ),
    "names itself with a slash": (
        CONFIGURATION,
        lambda r: say({"issuer": f"http://{r.host}/", "jwks_uri": f"http://{r.host}{KEYS}"}),
    ),
    "has keys at no address": (CONFIGURATION, lambda r: say({"issuer": f"http://{r.host}"})),
    "has keys in a file": (
        CONFIGURATION,
        lambda r: say({"issuer": f"http://{r.host}", "jwks_uri": "file:///etc/passwd"}),
    ),
    "has keys at the cloud's metadata": (
        CONFIGURATION,
        lambda r: say({"issuer": f"http://{r.host}", "jwks_uri": "http://169.254.169.254/keys"}),
    ),
    "has keys in a private network": (
        CONFIGURATION,
        lambda r: say({"issuer": f"http://{r.host}", "jwks_uri": "https://10.0.0.1/keys"}),
    ),
    "is not JSON": (CONFIGURATION, lambda r: say(None, text="<html>")),
    "redirects": (KEYS, lambda r: say({}, status=302, headers={"Location": "/stolen"})),
    "fails": (KEYS, lambda r: say({}, status=500)),
    "has no keys": (KEYS, keys()),
    "has keys that are no list": (KEYS, lambda r: say({"keys": {}})),
    "has 10,000 keys": (KEYS, keys(*({"kty": "RSA", "kid": str(n)} for n in range(10_000)))),
    "has keys twice": (KEYS, keys(public_key("rsa"), public_key("rsa"))),
    "has a weak key": (KEYS, keys({**public_key("weak"), "kid": "rsa"})),
    "has a key to encrypt with": (KEYS, keys({**public_key("rsa"), "use": "enc"})),
    "has a key for another algorithm": (KEYS, keys({**public_key("rsa"), "alg": "PS512"})),
    "has a key to sign with alone": (KEYS, keys({**public_key("rsa"), "key_ops": ["sign"]})),
    "has a secret as its key": (KEYS, keys({"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"})),
    "has a key that is broken": (KEYS, keys({"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": 3})),
    "has a key with an enormous exponent": (
        KEYS,
        keys({**public_key("rsa"), "e": public_key("stranger")["n"]}),
    ),
    "answers without an end": (KEYS, endless),
    "answers with a bomb": (
        KEYS,
        lambda r: say(None, body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"}),
    ),
}


@pytest.mark.parametrize(("path", "answer"), ISSUERS.values(), ids=ISSUERS)
async def test_an_issuer_is_not_believed(
    path: str,
    answer: Any,
    issuer: HostileIssuer,
    admin: AdminClient,
    endpoint: str,
    session: aiohttp.ClientSession,
) -> None:
    issuer.answers[path] = answer
    token = issuer.token(kid="rsa") if "weak" not in str(answer) else issuer.token()
    status, told = await call(session, endpoint, token)
    assert (status, told["errorCode"]) == (401, "UNAUTHENTICATED")
    assert await denials(admin) == [told["message"]]
    assert set(issuer.asked) <= {CONFIGURATION, KEYS}


async def test_an_issuer_that_cannot_be_asked_is_no_fault_of_the_callers(
    issuer: HostileIssuer,
    endpoint: str,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(_request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    monkeypatch.setattr(issuer_documents, "_SECONDS", 0.2)
    issuer.answers[KEYS] = silent
    status, told = await call(session, endpoint, issuer.token())
    assert (status, told["errorCode"]) == (503, "INTERNAL_ERROR")

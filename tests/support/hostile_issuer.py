"""An issuer that signs whatever it is told to, and answers as hostile or broken issuers do."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://models.acme.example"
SUBJECT = "globex-jobs"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Json = Mapping[str, Any]


@cache
def signing_keys() -> dict[str, Any]:
    """Private keys by `kid`, made once."""
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "P-256": ec.generate_private_key(ec.SECP256R1()),
        "P-384": ec.generate_private_key(ec.SECP384R1()),
        "P-521": ec.generate_private_key(ec.SECP521R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
        "stranger": rsa.generate_private_key(65537, 2048),
        "weak": rsa.generate_private_key(65537, 1024),
    }


def public_key(kid: str) -> dict[str, Any]:
    """Public part of a key as a JSON Web Key."""
    key = signing_keys()[kid].public_key()
    kinds = ((rsa.RSAPublicKey, RSAAlgorithm), (ec.EllipticCurvePublicKey, ECAlgorithm))
    algorithm = next((one for kind, one in kinds if isinstance(key, kind)), OKPAlgorithm)
    return {**algorithm.to_jwk(key, as_dict=True), "kid": kid}


def encoded(part: bytes | Json) -> str:
    """Part of a token, from an object or from bytes as they are."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def sign(
    header: bytes | Json, claims: bytes | Json, kid: str = "rsa", algorithm: str = "RS256", secret: Any = None
) -> str:
    """Token with a valid signature of any header and claims, even of ones that are not JSON."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    signer = jwt.get_algorithm_by_name(algorithm)
    key = signing_keys()[kid] if secret is None else secret
    return f"{signed}.{encoded(signer.sign(signed.encode(), key))}"


@dataclass
class HostileIssuer:
    """Issuer at `url`; `answers` replace those of its paths, and `asked` are the paths of requests."""

    url: str = ""
    kids: tuple[str, ...] = ("rsa", "P-256", "P-384", "P-521", "Ed25519")
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims that meet the policy, apart from those that are changed; None removes one."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(
        self, header: Json = MappingProxyType({}), kid: str = "rsa", algorithm: str = "RS256", **changed: Any
    ) -> str:
        """Token of this issuer, good but for what is changed."""
        return sign({"alg": algorithm, "kid": kid, **header}, self.claims(**changed), kid, algorithm)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer to any request."""
        self.asked.append(request.path)
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == CONFIGURATION:
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}{KEYS}"})
        if request.path == KEYS:
            return web.json_response({"keys": [public_key(kid) for kid in self.kids]})
        raise web.HTTPNotFound

    async def start(self, run: Callable[[web.Application], Awaitable[TestServer]]) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        self.url = str((await run(app)).make_url("")).rstrip("/")

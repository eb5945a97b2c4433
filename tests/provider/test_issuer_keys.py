"""Keys of an issuer that rotates them, and of one that goes away, by a clock that is moved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import Unauthenticated
from model_sharing_provider.identity_providers.issuer_documents import IssuerDocuments
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from model_sharing_provider.remote_providers.egress import Egress
from support.hostile_issuer import CONFIGURATION, KEYS, HostileIssuer
from support.processes.provider import LOOPBACK

HOUR = 3600.0


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer(aiohttp_server: AiohttpServer) -> HostileIssuer:
    found = HostileIssuer(kids=("rsa",))
    await found.start(aiohttp_server)
    return found


async def test_new_keys_are_found_and_old_ones_end(issuer: HostileIssuer) -> None:
    clock = Clock()
    keys = IssuerKeys(IssuerDocuments(Egress(LOOPBACK)), clock=clock)
    await keys.find(issuer.url, "rsa", "RS256")
    issuer.kids = ("P-256",)
    # A key that nobody knows is asked for at most twice a minute.
    with pytest.raises(Unauthenticated):
        await keys.find(issuer.url, "P-256", "ES256")
    assert issuer.asked == [CONFIGURATION, KEYS]
    clock.now += 31
    await keys.find(issuer.url, "P-256", "ES256")
    with pytest.raises(Unauthenticated):
        await keys.find(issuer.url, "rsa", "RS256")
    assert issuer.asked == [CONFIGURATION, KEYS] * 2


async def test_the_last_keys_of_an_issuer_that_is_away_are_used_for_a_day(issuer: HostileIssuer) -> None:
    async def away(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPServiceUnavailable

    clock = Clock()
    keys = IssuerKeys(IssuerDocuments(Egress(LOOPBACK)), clock=clock)
    await keys.find(issuer.url, "rsa", "RS256")
    issuer.answers[KEYS] = away
    clock.now += 23 * HOUR
    await keys.find(issuer.url, "rsa", "RS256")
    clock.now += 2 * HOUR
    with pytest.raises(Unauthenticated, match="503"):
        await keys.find(issuer.url, "rsa", "RS256")
    del issuer.answers[KEYS]
    clock.now += 31
    await keys.find(issuer.url, "rsa", "RS256")


async def test_issuers_outside_of_the_allowed_networks_are_not_asked(issuer: HostileIssuer) -> None:
    with pytest.raises(Unauthenticated, match="ALLOWED_ISSUER_NETWORKS"):
        await IssuerKeys(IssuerDocuments(Egress())).find(issuer.url, "rsa", "RS256")
    assert issuer.asked == []

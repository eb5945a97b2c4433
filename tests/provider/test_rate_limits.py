"""Rate limits: who fails or asks too often waits; nobody else does, and nothing is looked up for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from pytest_aiohttp.plugin import AiohttpServer

from model_sharing_protocol.errors import TooManyRequests
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal, PrincipalType
from model_sharing_provider.domain.request_rates import RequestRates
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.http.urls import ACTIVATION_PATH
from model_sharing_provider.services.context import Context
from model_sharing_provider.services.rate_limiter import RateLimiter
from model_sharing_provider.services.rate_limits import RateLimits
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user

UNITY_CATALOG = "/api/2.1/unity-catalog"
SCORER = "prod.ml_team.scorer"
GLOBEX = Principal(PrincipalType.RECIPIENT, "1", "globex")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    st.integers(1, 100), st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60)), min_size=1, max_size=40)
)
def test_no_more_than_a_minutes_worth_and_what_was_refilled(
    per_minute: int, asked: list[tuple[float, int]]
) -> None:
    clock = Clock()
    limiter, taken = RateLimiter(per_minute, clock), 0
    for pause, times in asked:
        clock.now += pause
        taken += sum(not limiter.take("a") for _ in range(times))
        assert taken <= per_minute + (clock.now - 1000) * per_minute / 60 + 1e-3


@given(st.integers(1, 100))
def test_whoever_waits_as_told_is_served(per_minute: int) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute, clock)
    assert not any(limiter.take("a") for _ in range(per_minute))
    wait = limiter.take("a")
    assert 0 < wait <= 60
    assert limiter.wait("a") == wait, "asking in vain costs nothing"
    assert not limiter.take("b")
    clock.now += wait + 1e-6
    assert not limiter.take("a")


def test_keys_that_never_come_again_are_forgotten() -> None:
    limiter = RateLimiter(1, Clock(), most_keys=100)
    for number in range(10_000):
        limiter.take(str(number))
    assert len(limiter._full_at) == 100


def test_an_address_of_ipv6_is_as_good_as_its_neighbours() -> None:
    limits = RateLimits(RequestRates(failures=3), Clock())
    for number in range(3):
        limits.failed(Caller(ANONYMOUS, "test", f"2001:db8::{number}"))
    with pytest.raises(TooManyRequests):
        limits.check_failures(Caller(ANONYMOUS, "test", "2001:db8::ffff:1"))
    limits.check_failures(Caller(ANONYMOUS, "test", "2001:db8:0:1::1"))


def test_a_token_is_believed_for_an_hour_and_no_longer_than_it_is_good() -> None:
    clock = Clock()
    limits, here = RateLimits(RequestRates(failures=1), clock), Caller(ANONYMOUS, "test", "192.0.2.7")
    limits.check_calls(here, GLOBEX, "good")
    limits.check_calls(here, GLOBEX, "revoked")
    limits.failed(here, "revoked")
    limits.check_failures(here, "good")
    with pytest.raises(TooManyRequests) as refused:
        limits.check_failures(here, "revoked")
    assert 0 < refused.value.retry_after <= 60
    clock.now += 3601
    limits.failed(here)
    with pytest.raises(TooManyRequests):
        limits.check_failures(here, "good")


def test_a_model_of_thousands_of_files_is_fetched_one_by_one_by_default() -> None:
    limits, here = RateLimits(RequestRates(), Clock()), Caller(ANONYMOUS, "test", "192.0.2.7")
    for _ in range(5000):
        limits.check_file_requests(here, "token")
        limits.check_calls(here, GLOBEX, "good")
        limits.check_calls(here, GLOBEX, "good")


def test_no_limit_is_none() -> None:
    limits = RateLimits(RequestRates(failures=0, calls=0, file_requests=0), Clock())
    here = Caller(ANONYMOUS, "test", "192.0.2.7")
    for _ in range(10_000):
        limits.failed(here)
        limits.check_failures(here)
        limits.check_calls(here, GLOBEX, "good")


@dataclass
class Asking:
    """Somebody at a server whose limits are low."""

    admin: AdminClient
    server: TestServer
    session: aiohttp.ClientSession
    looked_up: list[str] = field(default_factory=list)

    async def ask(self, path: str, token: str = "", method: str = "GET") -> tuple[int, dict[str, str], Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.request(method, self.server.make_url(path), headers=headers) as answer:
            body = await answer.read()
            return answer.status, dict(answer.headers), json.loads(body) if body else None

    async def statuses(self, times: int, path: str, token: str = "", method: str = "GET") -> list[int]:
        return [(await self.ask(path, token, method))[0] for _ in range(times)]


@pytest.fixture
async def asking(
    request: pytest.FixtureRequest,
    settings: Settings,
    aiohttp_server: AiohttpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Asking]:
    limited = replace(settings, **request.param)
    async with open_provider(limited) as provider, aiohttp.ClientSession() as session:
        app = make_app(provider)
        app.router.add_get("/away", away)
        one = Asking(AdminClient.of(provider), await aiohttp_server(app), session)
        read_unaudited = Context.read_unaudited

        def watched(context: Context) -> Any:
            one.looked_up.append(context.caller.address)
            return read_unaudited(context)

        monkeypatch.setattr(Context, "read_unaudited", watched)
        yield one


async def away(_: web.Request) -> web.Response:
    return web.Response(status=503)


failures = pytest.mark.parametrize("asking", [{"max_failures": 3}], indirect=True)
calls = pytest.mark.parametrize("asking", [{"max_calls": 3}], indirect=True)
files = pytest.mark.parametrize("asking", [{"max_file_requests": 3}], indirect=True)

EVERY_FACE = (
    f"{UNITY_CATALOG}/catalogs",
    "/api/2.0/mlflow/registered-models/search",
    "/api/2.0/mlflow/experiments/search",
    "/api/2.0/fs/directories/Models/prod/ml_team/scorer/1/",
    "/api/2.0/preview/scim/v2/Me",
)


@failures
@pytest.mark.parametrize("path", [f"{PREFIX}/shares", *EVERY_FACE])
async def test_wrong_tokens_are_not_looked_up_for_ever(asking: Asking, path: str) -> None:
    assert await asking.statuses(3, path, new_token()) == [401, 401, 401]
    looked_up = len(asking.looked_up)
    assert looked_up > 0
    status, headers, body = await asking.ask(path, new_token())
    assert status == 429
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert body.get("errorCode", body.get("error_code")) == "REQUEST_LIMIT_EXCEEDED"
    assert len(asking.looked_up) == looked_up
    assert (await asking.ask("/.well-known/databricks-config"))[0] == 200
    assert (await asking.ask("/health"))[0] == 200


@failures
async def test_a_colleague_behind_the_same_address_is_served(asking: Asking) -> None:
    code = await asking.admin.share("acme", "globex")
    good = (await asking.admin.activate(code, "http://x")).bearer_token
    assert await asking.statuses(1, f"{PREFIX}/shares", good) == [200]
    assert await asking.statuses(5, f"{PREFIX}/shares", new_token()) == [401, 401, 401, 429, 429]
    assert await asking.statuses(5, f"{PREFIX}/shares", good) == [200] * 5
    await asking.admin.provider.recipients.delete(asking.admin.context, "globex")
    assert await asking.statuses(2, f"{PREFIX}/shares", good) == [401, 429]


@failures
async def test_activation_codes_are_not_tried_for_ever(asking: Asking) -> None:
    code = await asking.admin.share("acme", "globex")
    assert await asking.statuses(5, f"{ACTIVATION_PATH}/{'x' * 40}") == [404, 404, 404, 429, 429]
    # It is not used up: it works as soon as the address may try again.
    assert await asking.statuses(1, f"{ACTIVATION_PATH}/{code}") == [429]
    assert (await asking.admin.activate(code, "http://x")).bearer_token


@failures
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/artifacts/versions/a/b"),
        ("POST", "/artifacts/versions/a/pack"),
        ("GET", "/artifacts/tables/b"),
        ("GET", "/artifacts/files/a/b"),
        ("PUT", "/artifacts/uploads/a/file/YQ"),
    ],
)
async def test_signatures_are_not_tried_for_ever(asking: Asking, method: str, path: str) -> None:
    query = "?grant=g&token=t&revision=1&expires=9999999999&key=k&signature=s"
    statuses = await asking.statuses(5, path + query, method=method)
    assert statuses in ([403, 403, 403, 429, 429], [400, 400, 400, 400, 400])


@failures
async def test_a_good_url_works_from_an_address_that_fails(asking: Asking, tmp_path: Path) -> None:
    url = await signed_url(asking, tmp_path)
    assert await asking.statuses(5, f"{PREFIX}/shares") == [401, 401, 401, 429, 429]
    async with asking.session.get(asking.server.make_url(f"/artifacts/{url}")) as answer:
        assert answer.status == 200


@calls
@pytest.mark.parametrize("path", EVERY_FACE)
async def test_a_principal_waits_on_every_face(asking: Asking, path: str, provider_home: Path) -> None:
    token = (provider_home / "admin.token").read_text().strip()
    statuses = await asking.statuses(3, path, token)
    assert 429 not in statuses
    counted = over_limit()
    status, headers, body = await asking.ask(path, token)
    assert (status, body["error_code"]) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert over_limit() == counted + 1
    assert (await asking.ask("/.well-known/databricks-config", token))[0] == 200


@calls
async def test_a_recipient_waits_and_others_do_not(asking: Asking) -> None:
    tokens = []
    for name in ("globex", "initech"):
        code = await asking.admin.share(f"for_{name}", name)
        tokens.append((await asking.admin.activate(code, "http://x")).bearer_token)
    assert await asking.statuses(4, f"{PREFIX}/shares", tokens[0]) == [200, 200, 200, 429]
    assert await asking.statuses(1, f"{PREFIX}/shares", tokens[1]) == [200]
    _, headers, body = await asking.ask(f"{PREFIX}/shares", tokens[0])
    assert body["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    assert "globex made more than 3 requests within a minute" in body["message"]
    assert headers["Retry-After"].isdigit()


@files
async def test_files_have_a_limit_of_their_own(asking: Asking, tmp_path: Path) -> None:
    path = f"/artifacts/{await signed_url(asking, tmp_path)}"
    for _ in range(3):
        async with asking.session.get(asking.server.make_url(path)) as answer:
            assert answer.status == 200
    status, headers, _ = await asking.ask(path)
    assert status == 429
    assert headers["Retry-After"].isdigit()


@failures
async def test_every_503_says_when_to_try_again(asking: Asking) -> None:
    status, headers, _ = await asking.ask("/away")
    assert (status, headers["Retry-After"]) == (503, "5")


async def signed_url(asking: Asking, folder: Path) -> str:
    await asking.admin.register(write_model(folder / "m"), SCORER)
    ana = await create_user(asking.admin, "ana", PrincipalType.ADMIN)
    files = asking.admin.provider.principal_files
    return await files.sign(await ana.context(), FullName.parse(SCORER), 1, "model.pkl")


def over_limit() -> float:
    return sum(
        sample.value
        for metric in REGISTRY.collect()
        if metric.name == "model_sharing_requests_over_limit"
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["limit"] == "calls"
    )

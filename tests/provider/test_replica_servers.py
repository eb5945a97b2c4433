"""A server over a hot standby of its home's database: what it answers alone, refuses, and delivers.

The databases are real, a primary and a standby that streams from it; both servers are processes of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psycopg
import pytest

from model_sharing.api import blocking
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome
from model_sharing_provider.http.urls import ACTIVATION_PATH
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE
from support.processes.postgresql import PASSWORD, PostgresServer, running_postgres
from support.processes.provider import ProviderProcess, write_profile_for
from support.small_disk import fill, small_disk

T = TypeVar("T")
GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "serve-a-second-region.md"
NAME = "prod.ml_team.scorer"
WEIGHTS = b"weights" * 1000
MODEL = f"{PREFIX}/shares/acme/schemas/ml_team/models/scorer"
ALIAS, QUERY, FEED = f"{MODEL}/aliases/champion", f"{MODEL}/versions/1/query", f"{PREFIX}/shares/acme/changes"


@dataclass
class TwoRegions:
    """A home and a replica, each with its database and its server, over one store of files."""

    primary: PostgresServer
    standby: PostgresServer
    settings: Settings
    home: ProviderProcess
    replica: ProviderProcess
    token: str

    async def ask(
        self, path: str, method: str = "GET", *, at: ProviderProcess | None = None, **request: Any
    ) -> tuple[int, str]:
        """Status and body of a request to the replica, or to another server, by the recipient's token."""
        url = path if path.startswith("http") else (at or self.replica).url + path
        token = request.pop("token", self.token)
        headers = {"Authorization": f"Bearer {token}", **request.pop("headers", {})}
        if path.startswith("http"):
            headers = {}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, **request) as answer,
        ):
            return answer.status, await answer.text()

    async def until(self, status: int, path: str, method: str = "GET") -> str:
        """Body of the first answer of the replica with this status."""
        for _ in range(PATIENCE * 5):
            found, body = await self.ask(path, method)
            if found == status:
                return body
            await asyncio.sleep(0.2)
        raise TimeoutError(f"{path} is answered with {found}: {body}")

    async def until_delivered(self) -> None:
        await asyncio.sleep(2)  # what is said of a moment ago is no answer
        for _ in range(PATIENCE * 5):
            body = json.loads((await self.ask("/ready"))[1])
            if "replica" in body and body["replica"]["audit_events_waiting"] == 0:
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(body)

    async def waiting_events(self, at_least: int) -> bool:
        for _ in range(PATIENCE):
            state = json.loads((await self.ask("/ready"))[1])
            if state["status"] == "ready" and state["replica"]["audit_events_waiting"] >= at_least:
                return True
            await asyncio.sleep(1)
        return False

    async def at_home(self, work: Callable[[AdminClient], Awaitable[T]]) -> T:
        async with open_provider(self.settings) as provider:
            return await work(AdminClient.of(provider))

    async def events(self, action: AuditAction) -> list[AuditEvent]:
        """Events of an action at the home, the oldest first."""
        found = await self.at_home(
            lambda admin: admin.provider.audit.latest(admin.context, 1000, action=action)
        )
        return [event for event in reversed(found) if event.caller.face == "open-sharing"]


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[PostgresServer, PostgresServer, str]]:
    """Primary, standby, and the name of a database in both."""
    with running_postgres() as primary, primary.standby() as standby:
        primary.execute("CREATE DATABASE models TEMPLATE migrated STRATEGY file_copy")
        with psycopg.connect(primary.url("models"), autocommit=True) as connection:
            for statement in roles_of_the_guide():
                connection.execute(statement.encode())
        yield primary, standby, "models"


def roles_of_the_guide() -> list[str]:
    """Statements of the guide that let a replica read, and write audit events at home."""
    (block,) = re.findall(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    statements = block.replace("PASSWORD '…'", f"PASSWORD '{PASSWORD}'").split(";")
    return [statement.strip() for statement in statements if statement.strip()]


def as_role(url: str, role: str) -> str:
    return url.replace("//postgres:", f"//{role}:")


@pytest.fixture(scope="module")
def running(
    databases: tuple[PostgresServer, PostgresServer, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TwoRegions]:
    primary, standby, name = databases
    folder = tmp_path_factory.mktemp("regions")
    settings = Settings(folder / "home", postgresql_url=primary.url(name))

    async def share() -> str:
        async with open_provider(settings) as provider:
            admin = AdminClient.of(provider)
            await admin.register(write_model(folder / "m", {"model.pkl": WEIGHTS}), NAME, "Champion")
            return (await admin.activate(await admin.share("acme", "globex", NAME), "http://x")).bearer_token

    token = asyncio.run(share())
    with ExitStack() as stack:
        url = {"MODEL_SHARING_PROVIDER_DATABASE_URL": settings.postgresql_url}
        home = stack.enter_context(ProviderProcess(settings.home, environment=url))
        replica = ProviderProcess(
            folder / "replica",
            log=folder / "replica.log",
            environment={
                "MODEL_SHARING_PROVIDER_DATABASE_URL": as_role(standby.url(name), "reader"),
                "MODEL_SHARING_PROVIDER_HOME_DATABASE_URL": as_role(settings.postgresql_url, "replica"),
                "MODEL_SHARING_PROVIDER_ARTIFACT_ROOT": settings.artifact_root_url,
                "MODEL_SHARING_PROVIDER_SECRETS_FILE": str(settings.secrets_path),
                "MODEL_SHARING_PROVIDER_SIGNING_KEYS_FILE": str(settings.signing_keys_path),
                "MODEL_SHARING_PROVIDER_REPLICA_MAX_STALENESS": "30s",
                "MODEL_SHARING_PROVIDER_SERVE_REPLICA_OF": home.url,
            },
        )
        wait_for_standby(primary, standby)
        stack.enter_context(replica)
        yield TwoRegions(primary, standby, settings, home, replica, token)


def wait_for_standby(primary: PostgresServer, standby: PostgresServer) -> None:
    """Wait until the standby has replayed all that was committed by now."""

    import psycopg

    with psycopg.connect(primary.url("postgres")) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn()::text").fetchone()
    assert row is not None
    with psycopg.connect(standby.url("postgres"), autocommit=True) as connection:
        for _ in range(PATIENCE * 20):
            replayed = connection.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", row).fetchone()
            if replayed is not None and replayed[0]:
                return
            time.sleep(0.05)
    raise TimeoutError("the standby lags")


@pytest.fixture
async def regions(running: TwoRegions) -> AsyncIterator[TwoRegions]:
    await running.until(200, "/ready")
    yield running


async def test_what_the_home_gave_out_holds_at_the_replica(regions: TwoRegions) -> None:
    """Tokens, ETags and tokens of the change feed of the one are those of the other."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {regions.token}"}) as session:
        async with session.get(regions.home.url + ALIAS) as at_home:
            etag, signed = at_home.headers["ETag"], await at_home.json()
        async with session.get(regions.replica.url + ALIAS) as here:
            assert here.headers["ETag"] == etag
            assert (await here.json())["version"] == signed["version"]
        async with session.get(regions.replica.url + ALIAS, headers={"If-None-Match": etag}) as unchanged:
            assert unchanged.status == 304
        async with session.get(regions.home.url + FEED) as feed:
            token = json.loads(await feed.text())["token"]
        async with session.get(f"{regions.replica.url}{FEED}?since={token}") as feed:
            assert feed.status == 200


async def test_recipients_list_resolve_and_load_while_the_home_is_gone(
    regions: TwoRegions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home's server and database are killed, and the replica's server, too. Each event is there once."""
    regions.home.kill()
    regions.primary.stop(crash=True)
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "recipient"))
    profile = write_profile_for(tmp_path / "globex.share", regions.token, regions.replica.port)

    def load() -> bytes:
        """As a new recipient does: mount, resolve, download, verify."""
        blocking.mount(profile)
        blocking.download("models:/acme.ml_team.scorer@Champion", tmp_path / "loaded")
        return (tmp_path / "loaded" / "model.pkl").read_bytes()

    try:
        status, body = await regions.ask(f"{PREFIX}/shares/acme/all-models")
        assert status == 200 and "scorer" in body
        for number in range(20):
            status, _ = await regions.ask(ALIAS, headers={"X-Request-Id": f"away-{number}"})
            assert status == 200
            if number == 9:
                regions.replica.kill()
                regions.replica.start()
        status, body = await regions.ask(QUERY, "POST")
        urls = {
            file["path"]: file["url"] for line in body.splitlines()[2:] if (file := json.loads(line)["file"])
        }
        async with aiohttp.ClientSession() as session, session.get(urls["model.pkl"]) as answer:
            content = await answer.read()
        assert hashlib.sha256(content).digest() == hashlib.sha256(WEIGHTS).digest()
        assert await asyncio.to_thread(load) == WEIGHTS
        assert await regions.waiting_events(at_least=25)
    finally:
        regions.primary.start()
        regions.home.start()
    await regions.until_delivered()
    events = await regions.events(AuditAction.DELTA_SHARING_GET_MODEL_VERSION_BY_ALIAS)
    arrived = [event.caller.request_id for event in events if event.caller.request_id.startswith("away-")]
    assert arrived == [f"away-{number}" for number in range(20)]
    assert all(event.outcome is Outcome.OK for event in events)


async def test_a_change_is_refused_with_the_address_of_the_home(regions: TwoRegions) -> None:
    """Those of recipients, of strangers with a link and of administrators; nothing of them is done."""
    code = await regions.at_home(lambda admin: admin.share("other", "initech"))
    admin = regions.settings.admin_token_path.read_text()
    catalogs = "/api/2.1/unity-catalog/catalogs"
    await regions.until(400, f"{ACTIVATION_PATH}/{code}", "POST")
    for path, method, token in (
        (f"{ACTIVATION_PATH}/{code}", "POST", ""),
        (f"{catalogs}/prod", "PATCH", admin),
        (catalogs, "POST", admin),
    ):
        status, body = await regions.ask(path, method, token=token, json={"name": "new", "comment": "new"})
        assert status == 400 and regions.home.url in body, body
    status, body = await regions.ask(f"{catalogs}/prod", token=admin)
    assert status == 200 and json.loads(body).get("comment", "") == ""
    assert (await regions.ask("/explorer"))[0] == 404
    status, _ = await regions.ask(f"{ACTIVATION_PATH}/{code}", "POST", at=regions.home)
    assert status == 200
    await regions.until_delivered()
    found = await regions.at_home(
        lambda client: client.provider.audit.latest(client.context, 10, action=AuditAction.CREATE_CATALOG)
    )
    assert (found[0].outcome, found[0].caller.face) == (Outcome.FAILED, "unity-catalog")


async def test_strangers_cannot_fill_the_disk_with_refused_changes(regions: TwoRegions) -> None:
    """Their repetitions are counted, as denials are."""

    async def refused(admin: AdminClient) -> int:
        action = AuditAction.RETRIEVE_RECIPIENT_TOKEN
        found = await admin.provider.audit.latest(admin.context, 1000, action=action)
        return len([event for event in found if event.outcome is not Outcome.OK])

    before = await regions.at_home(refused)
    for number in range(50):
        assert (await regions.ask(f"{ACTIVATION_PATH}/{'A' * 40}{number}", "POST", token=""))[0] == 400
    await regions.until_delivered()
    assert await regions.at_home(refused) - before <= 2


async def test_what_the_home_revokes_is_refused_as_soon_as_it_is_replayed(regions: TwoRegions) -> None:
    """Files in flight end, too. Before that the replica cannot know: the delay is that of replication."""

    async def share(admin: AdminClient) -> str:
        return (await admin.activate(await admin.share("brief", "hooli", NAME), "http://x")).bearer_token

    token, path = await regions.at_home(share), f"{PREFIX}/shares/brief"
    for _ in range(PATIENCE * 5):
        if (await regions.ask(path, token=token))[0] == 200:
            break
        await asyncio.sleep(0.2)
    query = QUERY.replace("/acme/", "/brief/")
    _, body = await regions.ask(query, "POST", token=token)
    url = json.loads(body.splitlines()[2])["file"]["url"]
    assert (await regions.ask(url))[0] == 200
    regions.standby.execute("SELECT pg_wal_replay_pause()")
    try:
        await regions.at_home(
            lambda admin: admin.provider.share_permissions.revoke(admin.context, "brief", "hooli")
        )
        assert (await regions.ask(path, token=token))[0] == 200
    finally:
        regions.standby.execute("SELECT pg_wal_replay_resume()")
    await asyncio.to_thread(wait_for_standby, regions.primary, regions.standby)
    assert (await regions.ask(path, token=token))[0] == 404
    assert (await regions.ask(url))[0] == 403


async def test_beyond_the_greatest_staleness_nothing_is_answered(regions: TwoRegions) -> None:
    """Not from the cache either, and not by a URL that was signed before."""
    status, body = await regions.ask(QUERY, "POST")
    url = json.loads(body.splitlines()[2])["file"]["url"]
    regions.standby.execute("SELECT pg_wal_replay_pause()")
    try:
        refused = await regions.until(503, ALIAS)
        assert "30 s" in refused or "0:00:30" in refused
        assert regions.home.url in refused
        for path, method in ((f"{PREFIX}/shares", "GET"), (QUERY, "POST"), (url, "GET")):
            status, body = await regions.ask(path, method)
            assert status == 503 and "replica" in body, (path, body)
        status, body = await regions.ask("/ready")
        ready = json.loads(body)
        assert status == 503 and "older than" in ready["failing"]["database"]
        assert ready["replica"]["staleness_seconds"] > 25  # as of a moment ago
    finally:
        regions.standby.execute("SELECT pg_wal_replay_resume()")
    await regions.until(200, ALIAS)
    await asyncio.sleep(1)  # readiness tells what was so a moment ago
    status, body = await regions.ask("/ready")
    assert json.loads(body)["replica"]["staleness_seconds"] < 30


async def test_without_room_for_an_event_nothing_is_answered(regions: TwoRegions, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 4) as disk:
        environment = {**regions.replica._environment, "MODEL_SHARING_PROVIDER_HOME": str(disk)}
        # An address where nobody listens: nothing is delivered meanwhile.
        environment["MODEL_SHARING_PROVIDER_HOME_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
        with ProviderProcess(disk, environment=environment) as full:
            assert (await regions.ask(ALIAS, at=full))[0] == 200
            filler = fill(disk)
            for _ in range(200):
                status, body = await regions.ask(ALIAS, at=full)
                if status != 200:
                    break
            assert status == 507 and "audit events" in body
            assert (await regions.ask(QUERY, "POST", at=full))[0] == 507
            filler.unlink()
            assert (await regions.ask(ALIAS, at=full))[0] == 200

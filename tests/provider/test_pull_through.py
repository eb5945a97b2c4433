"""Files of a shared catalog: fetched from the provider when somebody needs them, once, and then our own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer
from yarl import URL

from model_sharing_protocol.errors import (
    DiskFull,
    InvalidParameter,
    InvalidState,
    NotFound,
    PermissionDenied,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import PREFIX
from model_sharing_protocol.progress import Progress
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.pulls import PullLimits
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.remote_providers import arriving_file
from model_sharing_provider.remote_providers.arriving_file import read_arrived
from model_sharing_provider.services.mirroring import eviction as eviction_module
from model_sharing_provider.services.mirroring import pull_through
from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection
from model_sharing_provider.services.registry.recalls import RecallPolicy
from support.admin_client import AdminClient
from support.bf16_weights import fine_tuned, weights
from support.model_folder import MLMODEL, write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault
from support.principals import create_user

pytestmark = pytest.mark.each_database

MIB = 1024 * 1024
SCORER = "prod.ml_team.scorer"
SMALL = {"a.bin": b"a" * 1000, "deep/b.bin": b"b" * 3000}
BIG = os.urandom(20 * MIB)
SMALL_SIZE = sum(map(len, [MLMODEL, *SMALL.values()]))
NOTHING_PASSES = ConnectionFault(StreamFault(cut_at=0), StreamFault(cut_at=0))


@dataclass
class Regions:
    """A provider, and this metastore with a catalog `vendor` from its share; the link counts what crosses."""

    upstream: AdminClient
    link: FaultProxy
    here: AdminClient
    server: BaseTestServer
    store: Path
    token: str

    async def add(self, folder: Path) -> None:
        """Register a version at the provider, and let it appear here."""
        await self.upstream.register(folder, SCORER)
        await self.here.provider.shared_catalogs.sync(self.here.context, "vendor")

    def url(self, path: str, version: int = 1, catalog: str = "vendor") -> URL:
        """URL of a file by the Files API."""
        return self.server.make_url(f"/api/2.0/fs/files/Models/{catalog}/ml_team/scorer/{version}/{path}")

    async def get(self, path: str, version: int = 1, catalog: str = "vendor") -> tuple[int, bytes]:
        """A file by the Files API, as a user with a token of ours gets it."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"}) as session,
            session.get(self.url(path, version, catalog), allow_redirects=False) as answer,
        ):
            return answer.status, await answer.read()


@pytest.fixture
async def regions(
    settings: Settings, started_home: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Regions]:
    """The parameter `broker` makes a catalog that keeps nothing."""
    async with AsyncExitStack() as stack:
        if not settings.postgresql_url:
            shutil.copytree(started_home, settings.home)
        # Not a copy, too: it would have the same keys, and be taken for this metastore itself.
        upstream, here = [
            AdminClient.of(await stack.enter_async_context(open_provider(each)))
            for each in (Settings(tmp_path / "upstream"), settings)
        ]
        there = await stack.enter_async_context(TestServer(make_app(upstream.provider)))
        assert there.port is not None
        link = stack.enter_context(FaultProxy(there.port))
        await upstream.register(write_model(tmp_path / "m", {**SMALL, "big.bin": BIG}), SCORER)
        endpoint = f"http://127.0.0.1:{link.port}{PREFIX}"
        await add_vendor(upstream, here, endpoint, broker=getattr(request, "param", "") == "broker")
        server = await stack.enter_async_context(TestServer(make_app(here.provider)))
        token = settings.admin_token_path.read_text()
        yield Regions(upstream, link, here, server, settings.home / "artifacts", token)


async def add_vendor(
    upstream: AdminClient,
    here: AdminClient,
    endpoint: str,
    catalog: str = "vendor",
    model: str = SCORER,
    *,
    broker: bool = False,
) -> None:
    """Share a model, and make a catalog here of it."""
    share, provider = ("acme_share", "acme") if catalog == "vendor" else (f"{catalog}_share", catalog)
    token = (
        await upstream.activate(await upstream.share(share, f"us_{catalog}", model), endpoint)
    ).bearer_token
    profile = {"shareCredentialsVersion": 1, "endpoint": endpoint, "bearerToken": token}
    await here.provider.providers.create(here.context, provider, json.dumps(profile))
    await here.provider.shared_catalogs.create(here.context, catalog, provider, share, broker=broker)


async def events(admin: AdminClient, action: AuditAction) -> list[str]:
    """What the audit log says about actions of a kind, the oldest first."""
    found = await admin.provider.audit.latest(admin.context, 1000, action=action)
    return [event.target.detail for event in reversed(found)]


async def pulled(regions: Regions, number: int) -> list[str]:
    """So many pulls, once they have ended: a file is served as soon as it is there."""
    for _ in range(500):
        if len(found := await events(regions.here, AuditAction.PULL_MODEL_VERSION)) == number:
            break
        await asyncio.sleep(0.02)
    return found


async def test_fifty_who_ask_at_once_cause_one_fetch(regions: Regions) -> None:
    """All files: the small ones cross as one part, the large one as another, each once."""
    paths = ["MLmodel", *SMALL, "big.bin"]
    before = regions.link.bytes_to_client
    answers = await asyncio.gather(*(regions.get(path) for path in paths for _ in range(13)))
    contents = [MLMODEL.encode(), *SMALL.values(), BIG]
    assert answers == [(200, content) for content in contents for _ in range(13)]
    size = sum(map(len, contents))
    assert size < regions.link.bytes_to_client - before < size + MIB
    crossed = regions.link.bytes_to_client
    regions.link.default_fault = NOTHING_PASSES
    assert await regions.get("big.bin") == (200, BIG)
    assert regions.link.bytes_to_client == crossed
    pulls = await pulled(regions, 2)
    assert sorted(pulls) == [
        f"vendor.ml_team.scorer/1: big.bin, {len(BIG)} bytes",
        f"vendor.ml_team.scorer/1: small files, {size - len(BIG)} bytes",
    ]


async def test_a_provider_that_damages_or_cuts_what_it_sends_never_serves_a_wrong_byte(
    regions: Regions,
) -> None:
    """Connections that flip a bit or end early: whoever gets a whole answer gets the right one."""
    damaged = [ConnectionFault(StreamFault(flip_at=300_000 + n)) for n in range(3)]
    cut = [ConnectionFault(StreamFault(cut_at=2_000_000 + n)) for n in range(3)]
    regions.link.faults = [*damaged, *cut]
    answers = await asyncio.gather(*(regions.get("big.bin") for _ in range(5)), return_exceptions=True)
    for answer in answers:
        assert answer == (200, BIG) or isinstance(answer, aiohttp.ClientPayloadError)
    assert await regions.get("big.bin") == (200, BIG)


async def test_the_first_reader_of_a_large_file_gets_it_while_it_arrives(regions: Regions) -> None:
    """All but the last block, which waits for the whole to be verified."""
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.01))
    headers = {"Authorization": f"Bearer {regions.token}"}
    before = regions.link.bytes_to_client
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(regions.url("big.bin")) as answer,
    ):
        first = await answer.content.readexactly(MIB)
        crossed = regions.link.bytes_to_client - before
        assert first + await answer.read() == BIG
    assert crossed < 0.8 * len(BIG)


async def test_what_was_damaged_after_it_was_sent_is_never_a_whole_answer(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a byte that had arrived were replaced later."""

    def damaged(*arguments: Any) -> bytes:
        return b"x" + read_arrived(*arguments)[1:]

    monkeypatch.setattr(arriving_file, "read_arrived", damaged)
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.01))
    with pytest.raises(aiohttp.ClientPayloadError):
        await regions.get("big.bin")
    await pulled(regions, 1)
    assert await regions.get("big.bin") == (200, BIG)


async def test_a_provider_that_is_away_is_a_clear_error_that_clients_do_not_repeat(regions: Regions) -> None:
    regions.link.default_fault = NOTHING_PASSES
    answers = await asyncio.gather(*(regions.get("big.bin") for _ in range(5)))
    assert {status for status, _ in answers} == {UpstreamUnavailable.row.unity_catalog_status}
    assert b"cannot be fetched from share acme_share of provider acme" in answers[0][1]
    regions.link.default_fault = ConnectionFault()
    await asyncio.sleep(2.5)  # the breaker lets nobody through for so long
    assert (await regions.get("a.bin"))[0] == 200


async def test_a_new_version_crosses_as_what_differs(regions: Regions, tmp_path: Path) -> None:
    """By chunks of the version before, which the scratch cache has."""
    assert (await regions.get("big.bin"))[0] == 200
    changed = BIG[: 10 * MIB] + os.urandom(MIB) + BIG[11 * MIB :]
    await regions.add(write_model(tmp_path / "m2", {**SMALL, "big.bin": changed}))
    before = regions.link.bytes_to_client
    assert await regions.get("big.bin", 2) == (200, changed)
    assert regions.link.bytes_to_client - before < 4 * MIB


async def test_a_fine_tune_crosses_as_its_delta_from_what_is_in_the_store(
    regions: Regions, tmp_path: Path
) -> None:
    """Though the scratch cache was emptied: the base is taken out of the store again."""
    before = weights(10 * MIB)
    after = fine_tuned(before)
    await regions.add(write_model(tmp_path / "m2", {"model.bin": before}))
    assert await regions.get("model.bin", 2) == (200, before)
    await pulled(regions, 1)
    shutil.rmtree(regions.store.parent / "upstream-cache")
    registering = regions.upstream.provider.registration.register
    folder, name = write_model(tmp_path / "m3", {"model.bin": after}), FullName.parse(SCORER)
    await registering(regions.upstream.context, folder, name, delta_from=2)
    await regions.here.provider.shared_catalogs.sync(regions.here.context, "vendor")
    crossed = regions.link.bytes_to_client
    assert await regions.get("model.bin", 3) == (200, after)
    assert regions.link.bytes_to_client - crossed < 0.6 * len(after)


async def test_a_provider_that_stalls_holds_nobody_else_up(regions: Regions, tmp_path: Path) -> None:
    """Many wait for one that sends nothing any more, and another one's files come."""
    endpoint = f"http://127.0.0.1:{regions.link.target}{PREFIX}"
    other = os.urandom(20 * MIB)
    await regions.upstream.register(write_model(tmp_path / "other", {"big.bin": other}), "lab.ml_team.scorer")
    await add_vendor(regions.upstream, regions.here, endpoint, "other", "lab.ml_team.scorer")
    regions.link.default_fault = ConnectionFault(StreamFault(stall_at=100))
    stuck = [asyncio.create_task(regions.get(path)) for path in ("big.bin", "a.bin", "MLmodel") * 10]
    await asyncio.sleep(0.5)
    async with asyncio.timeout(10):
        assert await regions.get("big.bin", catalog="other") == (200, other)
    assert not any(task.done() for task in stuck)
    for task in stuck:
        task.cancel()
    await asyncio.wait(stuck)


async def test_two_catalogs_of_one_share_cause_one_fetch(regions: Regions) -> None:
    provider, context = regions.here.provider, regions.here.context
    await provider.shared_catalogs.create(context, "twin", "acme", "acme_share")
    assert await regions.get("big.bin") == (200, BIG)
    crossed = regions.link.bytes_to_client
    assert await regions.get("big.bin", catalog="twin") == (200, BIG)
    assert regions.link.bytes_to_client - crossed < MIB
    await provider.catalogs.delete(context, "vendor", force=True)
    assert await regions.get("big.bin", catalog="twin") == (200, BIG)


async def test_a_copy_is_whole_here_and_outlives_the_share(regions: Regions) -> None:
    name, copied = FullName.parse("vendor.ml_team.scorer"), FullName.parse("own.ml_team.adopted")
    catalogs = regions.here.provider.catalogs
    await catalogs.create(regions.here.context, "own")
    await catalogs.create_schema(regions.here.context, copied.schema_name)
    version = await regions.here.provider.copies.copy(regions.here.context, name, 1, copied)
    assert (version.origin_provider, version.origin_version) == ("acme", 1)
    await pulled(regions, 2)
    await catalogs.delete(regions.here.context, "vendor", force=True)
    assert len(list(regions.store.glob("models/*"))) == len(list(regions.store.glob("manifests/*"))) == 1
    assert len(list(regions.store.glob("bundles/*"))) == 1
    regions.link.default_fault = NOTHING_PASSES
    files = regions.here.provider.principal_files
    opened = await files.open_path(regions.here.context, copied, version.version, "big.bin")
    assert opened.source is None
    content = [bytes(piece) async for piece in regions.here.provider.signed_files.read(opened, 0, len(BIG))]
    assert b"".join(content) == BIG


@pytest.mark.parametrize("regions", ["broker"], indirect=True)
async def test_a_broker_hands_the_providers_own_urls_on_and_keeps_nothing(regions: Regions) -> None:
    status, _ = await regions.get("big.bin")
    assert status == 307
    url = await regions.here.provider.principal_files.sign(
        regions.here.context, FullName.parse("vendor.ml_team.scorer"), 1, "big.bin"
    )
    assert url.startswith(f"http://127.0.0.1:{regions.link.port}/")
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert await answer.read() == BIG
    async with regions.here.provider.database.read() as rows:
        assert await rows.pulled_parts.total_size() == 0


async def test_files_that_were_not_fetched_are_not_missing(regions: Regions) -> None:
    """What was fetched is checked like all else; before and after, garbage collection finds nothing."""
    fsck, gc, context = regions.here.provider.fsck, regions.here.provider.gc, regions.here.context
    findings = await fsck.check(context)
    assert (findings.num_versions, findings.num_files, findings.problems) == (1, 0, [])
    assert (await regions.get("big.bin"))[0] == 200
    await pulled(regions, 1)
    findings = await fsck.check(context)
    assert (findings.num_files, findings.problems, findings.orphans.versions) == (1, [], [])
    (stored,) = (file for file in regions.store.rglob("big.bin"))
    stored.unlink()
    assert [problem.path for problem in (await fsck.check(context)).problems] == ["big.bin"]
    assert not (await gc.collect(context, older_than=timedelta(hours=1), dry_run=True)).orphans


async def test_what_is_beyond_the_limit_goes_and_is_fetched_again_but_never_what_is_read(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    eviction = regions.here.provider.eviction
    assert await regions.get("big.bin") == (200, BIG)
    assert (await regions.get("a.bin"))[0] == 200
    await pulled(regions, 2)
    monkeypatch.setattr(eviction, "_limits", PullLimits(max_size=MIB))
    assert await eviction.evict_excess() == 0
    monkeypatch.setattr(eviction_module, "IN_USE", timedelta(0))
    monkeypatch.setattr(pull_through, "READ_RECORDED_EVERY", timedelta(0))
    assert (await regions.get("a.bin"))[0] == 200
    assert await eviction.evict_excess() == len(BIG)
    assert await events(regions.here, AuditAction.EVICT_PULLED_FILES) == [f"{len(BIG)} bytes"]
    assert not list(regions.store.rglob("big.bin"))
    assert await regions.get("big.bin") == (200, BIG)
    await pulled(regions, 3)
    monkeypatch.setattr(eviction, "_limits", PullLimits(max_age=timedelta(0)))
    assert await eviction.evict_excess() == len(BIG) + SMALL_SIZE
    assert not [path for path in regions.store.glob("models/**/*") if path.is_file()]


async def test_who_reads_while_files_are_evicted_gets_all_of_them(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is beyond the limits as soon as nobody has read it for a moment."""
    eviction = regions.here.provider.eviction
    monkeypatch.setattr(eviction, "_limits", PullLimits(max_size=0))
    monkeypatch.setattr(eviction_module, "IN_USE", timedelta(seconds=0.2))
    monkeypatch.setattr(pull_through, "READ_RECORDED_EVERY", timedelta(0))
    evicted = 0
    reading = asyncio.create_task(read_again_and_again(regions))
    while not reading.done():
        evicted += await eviction.evict_excess()
        await asyncio.sleep(0.01)
    await reading
    assert evicted > 0


async def read_again_and_again(regions: Regions) -> None:
    for pause in range(15):
        assert await regions.get("a.bin") == (200, SMALL["a.bin"])
        await asyncio.sleep(0.19 + pause / 1000)


async def test_a_catalog_is_pulled_ahead_of_use(regions: Regions) -> None:
    """Only what an alias points at, unless all is asked for; a second time, nothing crosses."""
    pulls, context = regions.here.provider.catalog_pulls, regions.here.context
    with pytest.raises(NotFound, match="ask for all versions"):
        await pulls.pull(context, "vendor", PullSelection(alias="champion"))
    seen: list[Progress] = []
    pulled = await pulls.pull(context, "vendor", PullSelection("ML_team.*", all_versions=True), seen.append)
    size = len(BIG) + SMALL_SIZE
    assert (pulled.versions_done, pulled.size_done, pulled.fetched, pulled.running) == (1, size, size, False)
    assert seen[0].phase == "fetching" and seen[0].bytes_total == size
    regions.link.default_fault = NOTHING_PASSES
    assert await regions.get("big.bin") == (200, BIG)
    again = await pulls.pull(context, "vendor", PullSelection(all_versions=True))
    assert (again.size_done, again.fetched) == (size, 0)
    catalog = await regions.here.provider.catalogs.get(context, "vendor")
    assert catalog.source is not None and catalog.source.pulled_size == size


async def test_what_aliases_point_at_is_pulled_unless_something_else_is_asked_for(
    regions: Regions, tmp_path: Path
) -> None:
    pulls, context, home = regions.here.provider.catalog_pulls, regions.here.context, regions.upstream
    await home.provider.models.set_alias(home.context, FullName.parse(SCORER), "Champion", 1)
    await regions.add(write_model(tmp_path / "second", {"c.bin": b"c"}))
    for selection in (PullSelection(), PullSelection(alias="champ*"), PullSelection("*.scorer", "Champion")):
        pulled = await pulls.pull(context, "vendor", selection)
        assert (pulled.versions, pulled.size) == (1, len(BIG) + SMALL_SIZE)
    with pytest.raises(NotFound, match="model search --catalog vendor"):
        await pulls.pull(context, "vendor", PullSelection(alias="challenger"))
    with pytest.raises(NotFound, match="The catalog 'nowhere' does not exist"):
        await pulls.pull(context, "nowhere", PullSelection())


async def test_a_server_pulls_a_catalog_in_the_background(regions: Regions) -> None:
    """The answer comes at once, and the same request tells how far it is."""
    url = regions.server.make_url("/api/2.1/unity-catalog/catalogs/vendor/pull")
    headers = {"Authorization": f"Bearer {regions.token}"}
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.005))
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(100):
            async with session.post(url, json={"all_versions": True}) as answer:
                status = await answer.json()
            assert (answer.status, status["versions"], status["size"]) == (200, 1, len(BIG) + SMALL_SIZE)
            if status["size_done"] == status["size"]:
                break
            await asyncio.sleep(0.1)
    assert await regions.get("big.bin") == (200, BIG)


async def test_who_may_pull_a_catalog(regions: Regions) -> None:
    pulls, bob = regions.here.provider.catalog_pulls, await create_user(regions.here, "bob")
    for pull in (pulls.pull, pulls.start):
        with pytest.raises(PermissionDenied, match="bob lacks OWNERSHIP on catalog"):
            await pull(await bob.context(), "vendor", PullSelection(all_versions=True))
    await regions.here.provider.catalogs.create(regions.here.context, "own")
    with pytest.raises(InvalidState, match="own; its files are here"):
        await pulls.pull(regions.here.context, "own", PullSelection())
    with pytest.raises(InvalidParameter):
        PullSelection(alias="champion", all_versions=True)


async def test_files_stay_usable_for_the_grace_and_not_after_a_revocation(regions: Regions) -> None:
    assert await regions.get("a.bin") == (200, SMALL["a.bin"])
    await regions.upstream.provider.share_permissions.revoke(
        regions.upstream.context, "acme_share", "us_vendor"
    )
    with pytest.raises(NotFound):
        await regions.here.provider.shared_catalogs.sync(regions.here.context, "vendor")
    status, body = await regions.get("a.bin")
    assert status == UpstreamUnavailable.row.unity_catalog_status
    assert b"comes from share acme_share of provider acme, and cannot be used" in body


async def test_a_full_disk_is_named_and_leaves_no_part(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    status, body = await regions.get("big.bin")
    assert status == DiskFull.row.unity_catalog_status
    assert b"no disk space left" in body and b"MODEL_SHARING_CACHE" not in body
    async with regions.here.provider.database.read() as rows:
        assert await rows.pulled_parts.total_size() == 0
    monkeypatch.undo()
    assert await regions.get("big.bin") == (200, BIG)


async def test_a_provider_knows_by_the_files_that_cross_who_holds_a_version(regions: Regions) -> None:
    """A catalog that was only made of its share has pulled nothing yet."""
    history = regions.upstream.provider.pull_history
    name = FullName.parse(SCORER)
    assert await history.who_pulled(regions.upstream.context, name) == ([], [])
    assert (await regions.get("a.bin"))[0] == 200
    pulls, _ = await history.who_pulled(regions.upstream.context, name)
    assert [(pull.recipient, pull.version) for pull in pulls] == [("us_vendor", 1)]


async def test_what_the_provider_recalled_is_refused_to_administrators_here_too(regions: Regions) -> None:
    upstream, here = regions.upstream, regions.here
    await upstream.provider.recalls.recall(upstream.context, FullName.parse(SCORER), 1, "wrong labels")
    await here.provider.shared_catalogs.sync(here.context, "vendor")
    status, body = await regions.get("a.bin")
    assert (status, b"was recalled: wrong labels" in body) == (403, True)


async def test_files_of_a_recalled_version_are_dropped_where_the_policy_says_so(
    regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream, here, eviction = regions.upstream, regions.here, regions.here.provider.eviction
    assert await regions.get("big.bin") == (200, BIG)
    monkeypatch.setattr(eviction_module, "IN_USE", timedelta(0))
    monkeypatch.setattr(eviction, "_recall_policy", RecallPolicy("drop"))
    assert await eviction.evict_excess() == 0
    await upstream.provider.recalls.recall(upstream.context, FullName.parse(SCORER), 1, "wrong labels")
    await here.provider.shared_catalogs.sync(here.context, "vendor")
    assert await eviction.evict_excess() >= len(BIG)
    with pytest.raises(NotFound, match="ask for all versions"):
        await here.provider.catalog_pulls.pull(here.context, "vendor", PullSelection(all_versions=True))


async def test_a_registry_that_only_warns_fetches_a_recalled_version(
    regions: Regions, settings: Settings
) -> None:
    upstream, here = regions.upstream, regions.here
    await upstream.provider.recalls.recall(upstream.context, FullName.parse(SCORER), 1, "wrong labels")
    await here.provider.shared_catalogs.sync(here.context, "vendor")
    async with (
        open_provider(replace(settings, recalled_versions="warn")) as lenient,
        TestServer(make_app(lenient)) as server,
    ):
        assert await replace(regions, server=server).get("a.bin") == (200, SMALL["a.bin"])
        assert len(await pulled(regions, 1)) == 1

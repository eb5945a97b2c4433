"""Pulled files of shared catalogs: fetched ahead of use, and kept within limits while they may be used."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.errors import (
    DiskFull,
    InvalidParameter,
    InvalidState,
    NotFound,
    PermissionDenied,
    UpstreamUnavailable,
)
from model_sharing_protocol.names import FullName
from model_sharing_protocol.progress import Progress
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.pulls import PullLimits
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.remote_providers import remote_files
from model_sharing_provider.services.mirroring import eviction as eviction_module
from model_sharing_provider.services.mirroring import pull_through
from model_sharing_provider.services.mirroring.catalog_pulls import PullSelection
from model_sharing_provider.services.registry.recalls import RecallPolicy
from model_sharing_provider.services.tasks import end_tasks
from support.model_folder import write_model
from support.network.fault_proxy import ConnectionFault, StreamFault
from support.patience import PATIENCE
from support.principals import create_user
from support.regions import (
    BIG,
    MIB,
    NOTHING_PASSES,
    SCORER,
    SMALL,
    SMALL_SIZE,
    Regions,
    events,
    pulled,
)

pytestmark = pytest.mark.each_database


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


async def test_bases_of_versions_to_come_stay_for_more_than_a_day(
    regions: Regions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a recipient drops what was never complete: at a server, only the size counts."""
    assert (await regions.get("big.bin"))[0] == 200
    scratch = regions.store.parent / "upstream-cache"
    for manifest in (scratch / "manifests").iterdir():
        os.utime(manifest, (time.time() - 7 * 86_400,) * 2)
    changed = BIG[: 10 * MIB] + os.urandom(MIB) + BIG[11 * MIB :]
    await regions.add(write_model(tmp_path / "m2", {**SMALL, "big.bin": changed}))
    monkeypatch.setattr(remote_files, "_PRUNED_EVERY_SECONDS", 0.0)
    assert (await regions.get("a.bin", 2))[0] == 200
    await pulled(regions, 2)
    before = regions.link.bytes_to_client
    assert await regions.get("big.bin", 2) == (200, changed)
    assert regions.link.bytes_to_client - before < 4 * MIB


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
    """The answer comes at once, and the same request tells how far it is, until it is done."""
    url = regions.server.make_url("/api/2.1/unity-catalog/catalogs/vendor/pull")
    headers = {"Authorization": f"Bearer {regions.token}"}
    regions.link.default_fault = ConnectionFault(StreamFault(delay=0.005))
    working = asyncio.create_task(regions.here.provider.job_worker.run())
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.timeout(PATIENCE):
        while True:
            async with session.post(url, json={"all_versions": True}) as answer:
                status = await answer.json()
            assert (answer.status, status["versions"], status["size"]) == (200, 1, len(BIG) + SMALL_SIZE)
            if not status["running"]:
                break
            await asyncio.sleep(0.1)
    assert status["size_done"] == status["fetched"] == status["size"]
    assert await regions.get("big.bin") == (200, BIG)
    assert len(await regions.here.provider.jobs.list(regions.here.context, ended=True)) == 1
    await end_tasks([working])


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

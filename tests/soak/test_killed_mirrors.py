"""Either side of a shared catalog is killed again and again: in the first sync, and while bytes cross."""

from __future__ import annotations

import itertools
import random
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path

import pytest

from model_sharing_protocol.times import now_ms
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.services.administration import gc
from support.admin_client import AdminClient
from support.large_share import fill_share, versions_in
from support.model_folder import write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault
from support.network.proxied_recipient import FILES, IN_FLIGHT, SIZE
from support.processes.provider import LOOPBACK
from support.two_metastores import VENDOR, TwoMetastores, two_metastores

MODELS, VERSIONS = 1_000, 10
KILLS = 30
PATIENCE_SECONDS = 900


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoMetastores]:
    """Globex has two servers, and no catalog yet."""
    settings = Settings(tmp_path / "globex", allowed_provider_networks=LOOPBACK)
    with two_metastores(tmp_path, [write_model(tmp_path / "1", FILES)], settings, servers=2) as opened:
        yield opened


def kill_until(two: TwoMetastores, dice: random.Random, done: Callable[[], bool]) -> int:
    """Kill a server, and start it again, until it is done or was done often enough; how often it was."""
    for kills in range(KILLS):
        victim = dice.choice([two.acme, *two.globex])
        time.sleep(dice.uniform(0.2, 3))
        if done():
            return kills
        victim.kill()
        time.sleep(dice.uniform(0, 0.5))
        victim.start()
    return KILLS


def wait_for(reached: Callable[[], bool]) -> None:
    started = time.monotonic()
    while not reached():
        assert time.monotonic() - started < PATIENCE_SECONDS
        time.sleep(0.5)


def test_10000_versions_are_there_whole_however_often_the_first_sync_was_killed(
    two: TwoMetastores, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.add_provider()
    fill_share(two, MODELS, VERSIONS)
    wanted = versions_in(two.acme.home, "prod")
    assert len(wanted) == MODELS * VERSIONS + 1
    two.create_catalog()

    def whole() -> bool:
        return versions_in(two.settings.home, VENDOR) == wanted

    assert kill_until(two, random.Random(5), whole) > 5
    wait_for(whole)

    async def look(admin: AdminClient) -> None:
        """Nothing is missing, and what killed servers left is collected."""
        monkeypatch.setattr(gc, "now_ms", lambda: now_ms() + 2 * 24 * 3600 * 1000)
        day = timedelta(days=1)
        await admin.provider.gc.collect(admin.context, older_than=day, abandoned_after=day)
        found = await admin.provider.fsck.check(admin.context)
        assert found.problems == []
        assert (list(found.orphans.versions), list(found.orphans.foreign_paths)) == ([], [])

    two.at_globex(look)


def test_files_cross_about_once_however_often_the_servers_were_killed(
    two: TwoMetastores, tmp_path: Path
) -> None:
    with FaultProxy(two.acme.port) as proxy:
        vendor = two.reached_at(proxy.port, tmp_path)
        vendor.add_provider()
        vendor.create_catalog()
        # Some twenty seconds for the whole, over eight connections.
        proxy.default_fault = ConnectionFault(to_client=StreamFault(delay=0.25))
        proxy.cut_all()
        before = proxy.bytes_to_client
        with ThreadPoolExecutor() as threads:
            fetching = threads.submit(fetch_stubbornly, vendor, "weights.bin")
            kills = kill_until(vendor, random.Random(6), fetching.done)
            assert fetching.result() == FILES["weights.bin"]
        assert kills > 3
        assert proxy.bytes_to_client - before < SIZE + kills * IN_FLIGHT
        proxy.default_fault = ConnectionFault()
        proxy.cut_all()
        for path, content in FILES.items():
            assert fetch_stubbornly(vendor, path) == content


def fetch_stubbornly(two: TwoMetastores, path: str) -> bytes:
    """A file, asked for at one server and then the other, until it comes."""
    for server in itertools.cycle(range(len(two.globex))):
        try:
            return two.fetch(1, path, server)
        except (urllib.error.URLError, HTTPException, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("a cycle does not end")

"""A catalog from a share while things go wrong: done, or a clear error soon, and never a wrong byte."""

from __future__ import annotations

import json
import random
import time
import urllib.error
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.mirrors import MirrorState
from support.model_folder import write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault, random_fault
from support.network.proxied_recipient import FILES, IN_FLIGHT, MIB, SIZE
from support.patience import PATIENCE
from support.processes.provider import LOOPBACK, MODEL
from support.two_metastores import ABROAD, VENDOR, TwoMetastores, two_metastores

SLOWLY = ConnectionFault(to_client=StreamFault(delay=0.04))
SHORT_TIMEOUTS = (
    "from model_sharing.transport import bounds; "
    "bounds.CONNECT_SECONDS = bounds.HEADERS_SECONDS = bounds.WINDOW_SECONDS = 2.0"
)
SECOND = {"weights.bin": b"2" * MIB}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[TwoMetastores]:
    """Acme shares two versions, the second is the champion; Globex has two servers, and no catalog yet."""
    models = [write_model(tmp_path / "1", FILES), write_model(tmp_path / "2", SECOND)]
    settings = Settings(tmp_path / "globex", allowed_provider_networks=LOOPBACK)
    with two_metastores(tmp_path, models, settings, servers=2, prelude=SHORT_TIMEOUTS) as opened:
        yield opened


@pytest.fixture
def proxy(two: TwoMetastores) -> Iterator[FaultProxy]:
    """What does harm between Globex and Acme."""
    with FaultProxy(two.acme.port) as opened:
        yield opened


@pytest.fixture
def vendor(two: TwoMetastores, proxy: FaultProxy, tmp_path: Path) -> TwoMetastores:
    """The catalog is there; its provider is reached through the proxy."""
    opened = two.reached_at(proxy.port, tmp_path)
    opened.add_provider()
    opened.create_catalog()
    return opened


def fetch_all(vendor: TwoMetastores, server: int = 0) -> None:
    """Every file of the first version, byte for byte."""
    for path, content in FILES.items():
        assert vendor.fetch(1, path, server) == content


def soon(reached: Callable[[], bool]) -> None:
    """Wait for what is to happen by itself."""
    started = time.monotonic()
    while not reached():
        assert time.monotonic() - started < PATIENCE
        time.sleep(0.1)


def wait_for_bytes(proxy: FaultProxy, count: int) -> None:
    enough = proxy.bytes_to_client + count
    soon(lambda: proxy.bytes_to_client >= enough)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_connections_no_byte_is_wrong(
    vendor: TwoMetastores, proxy: FaultProxy, seed: int
) -> None:
    dice = random.Random(seed)
    proxy.faults = [random_fault(dice) for _ in range(12)]
    proxy.cut_all()
    while proxy.faults:
        try:
            fetch_all(vendor)
        except urllib.error.HTTPError as refusal:
            assert json.loads(refusal.read())["message"].endswith(".")
        except (urllib.error.URLError, HTTPException, ConnectionError):
            continue
        else:
            break
    proxy.faults.clear()
    proxy.cut_all()
    fetch_all(vendor)


def test_another_server_goes_on_where_a_killed_one_stopped(vendor: TwoMetastores, proxy: FaultProxy) -> None:
    proxy.default_fault = SLOWLY
    proxy.cut_all()
    before = proxy.bytes_to_client
    with ThreadPoolExecutor() as threads:
        lost = threads.submit(vendor.fetch, 1, "weights.bin", 0)
        wait_for_bytes(proxy, SIZE // 2)
        vendor.globex[0].kill()
        assert lost.exception() is not None
        proxy.default_fault = ConnectionFault()
        assert vendor.fetch(1, "weights.bin", 1) == FILES["weights.bin"]
    assert proxy.bytes_to_client - before < SIZE + IN_FLIGHT


def test_a_provider_that_is_killed_and_comes_back_costs_what_was_on_its_way(
    vendor: TwoMetastores, proxy: FaultProxy
) -> None:
    proxy.default_fault = SLOWLY
    proxy.cut_all()
    before = proxy.bytes_to_client
    with ThreadPoolExecutor() as threads:
        fetched = threads.submit(vendor.fetch, 1, "weights.bin", 0)
        wait_for_bytes(proxy, SIZE // 2)
        vendor.acme.kill()
        vendor.acme.start()
        proxy.default_fault = ConnectionFault()
        if fetched.exception() is not None:
            soon(lambda: state_of(vendor) is MirrorState.ACTIVE)
            assert vendor.fetch(1, "weights.bin", 1) == FILES["weights.bin"]
    assert proxy.bytes_to_client - before < SIZE + IN_FLIGHT


def test_with_the_link_cut_what_is_here_is_served_and_the_rest_is_refused_soon(two: TwoMetastores) -> None:
    two.add_provider()
    two.create_catalog()
    assert two.fetch(2, "weights.bin") == SECOND["weights.bin"]
    two.link.cut()
    soon(lambda: state_of(two) is MirrorState.UNREACHABLE)
    assert two.workspace.model_versions.get_by_alias(ABROAD, "Champion").version == 2
    assert two.fetch(2, "weights.bin", server=1) == SECOND["weights.bin"]
    started = time.monotonic()
    with pytest.raises(urllib.error.HTTPError) as refusal:
        two.fetch(1, "weights.bin")
    assert time.monotonic() - started < PATIENCE
    assert refusal.value.code == 400
    assert "acme" in json.loads(refusal.value.read())["message"]
    move_champion(two, 1)
    two.link.restore()
    soon(lambda: two.workspace.model_versions.get_by_alias(ABROAD, "Champion").version == 1)
    soon(lambda: state_of(two) is MirrorState.ACTIVE)
    assert two.fetch(1, "weights.bin") == FILES["weights.bin"]


def test_two_catalogs_of_one_share_live_and_end_apart(two: TwoMetastores) -> None:
    two.add_provider()
    two.create_catalog()
    two.create_catalog("again")
    assert two.fetch(2, "weights.bin", model=ABROAD.replace(VENDOR, "again", 1)) == SECOND["weights.bin"]
    assert two.fetch(2, "weights.bin") == SECOND["weights.bin"]
    move_champion(two, 1)
    for catalog in (VENDOR, "again"):
        name = ABROAD.replace(VENDOR, catalog, 1)
        soon(lambda: two.workspace.model_versions.get_by_alias(name, "Champion").version == 1)  # noqa: B023
    two.workspace.catalogs.delete("again", force=True)
    assert two.fetch(2, "weights.bin") == SECOND["weights.bin"]
    assert two.fetch(1, "0.bin") == FILES["0.bin"]


def move_champion(two: TwoMetastores, version: int) -> None:
    """At home, by a client of the server, as it happens."""
    two.workspace_at_home.registered_models.set_alias(MODEL, "Champion", version)


def state_of(two: TwoMetastores) -> MirrorState:
    """State of the catalog, as it is in the rows."""
    return two.mirror().state

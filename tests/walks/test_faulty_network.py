"""A real provider, a real recipient, a fault between them: done, or a clear error, and never a wrong byte."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from fault_proxy import Fault, Way
from faulty_network import IN_FLIGHT, MIB, SIZE, Story, impatience, mounted_through_proxy
from provider_process import ProviderProcess, invite, renew_token, write_profile_for
from small_disk import fill, small_disk

from model_sharing.api import blocking
from model_sharing_protocol.errors import DiskFull, TokenExpired, Unauthenticated

# 64 KiB in this time on each of two connections: some seconds for the whole.
SLOWLY = Fault(to_client=Way(delay=0.007))


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("acme", ["http", "https"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_connections_no_byte_is_wrong(story: Story, seed: int) -> None:
    with impatience():
        story.fetch_through_random_faults(seed)
    story.proxy.faults.clear()
    story.proxy.cut_all()
    story.fetch()


@pytest.mark.parametrize("way", [Way(cut_at=6 * MIB), Way(stall_at=12 * MIB)], ids=["cut", "stalled"])
def test_connections_that_break_off_again_and_again_cost_a_buffer_each(story: Story, way: Way) -> None:
    story.proxy.always = Fault(to_client=way)
    with impatience():
        story.fetch()
    assert story.proxy.connections > 3
    assert story.proxy.bytes_to_client < SIZE + story.proxy.connections * IN_FLIGHT / 2


def test_what_was_changed_on_the_way_is_fetched_once_more(story: Story) -> None:
    """Each connection changes one byte, once: the second time it comes as it is."""
    story.proxy.always = Fault(to_client=Way(flip_at=5 * MIB))
    story.fetch()
    assert SIZE < story.proxy.bytes_to_client < 2 * SIZE + IN_FLIGHT


def test_another_server_process_takes_over_unnoticed(story: Story) -> None:
    story.proxy.always = SLOWLY
    with ProviderProcess(story.provider.home) as dying, ThreadPoolExecutor() as threads:
        survivor, story.proxy.target = story.proxy.target, dying.port
        download = threads.submit(story.fetch)
        story.wait_for(SIZE // 2)
        story.proxy.target = survivor
        dying.kill()
        download.result()
    assert story.proxy.bytes_to_client < SIZE + IN_FLIGHT


def test_addresses_that_expire_during_the_download_are_asked_for_again(
    acme_home: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, token = acme_home
    prelude = "from model_sharing_provider.services import access; access.URL_LIFETIME_SECONDS = 2"
    with (
        ProviderProcess(home, prelude=prelude) as provider,
        mounted_through_proxy(provider, token, tmp_path, monkeypatch) as story,
    ):
        asked = queries(home)
        story.proxy.always = Fault(to_client=Way(delay=0.012))
        story.fetch()
        assert queries(home) - asked > 1
        assert story.proxy.bytes_to_client < SIZE + IN_FLIGHT


def queries(home: Path) -> int:
    """How often the provider was asked for a version's files, by its audit log."""
    with closing(sqlite3.connect(home / "metastore.db")) as rows:
        asked = "SELECT count(*) FROM audit_log WHERE action LIKE '%QueryModelVersion%'"
        return int(rows.execute(asked).fetchone()[0])


def test_a_token_that_ends_during_the_download_is_told_and_a_new_one_goes_on(story: Story) -> None:
    write_profile_for(story.profile, invite(story.provider.home, "initech"), story.proxy.port)
    story.proxy.always = SLOWLY
    with ThreadPoolExecutor() as threads:
        download = threads.submit(story.fetch)
        story.wait_for(SIZE // 2)
        renewed = renew_token(story.provider.home, "initech")
        with pytest.raises((TokenExpired, Unauthenticated), match="Ask the provider"):
            download.result()
    write_profile_for(story.profile, renewed, story.proxy.port)
    story.proxy.always = Fault()
    story.fetch()
    assert story.proxy.bytes_to_client < SIZE + IN_FLIGHT


def test_a_disk_that_fills_up_is_told_and_with_room_again_the_download_goes_on(
    story: Story, recipient_home: Path
) -> None:
    with small_disk(recipient_home / "cache", 2 * SIZE // MIB) as disk, ThreadPoolExecutor() as threads:
        story.proxy.always = SLOWLY
        download = threads.submit(story.fetch)
        story.wait_for(SIZE // 2)
        filler = fill(disk)
        with pytest.raises(DiskFull, match="goes on where it stopped"):
            download.result()
        assert not list((disk / "snapshots").iterdir())
        filler.unlink()
        story.proxy.always = Fault()
        story.fetch()
        assert story.proxy.bytes_to_client < SIZE + IN_FLIGHT
        blocking.close()

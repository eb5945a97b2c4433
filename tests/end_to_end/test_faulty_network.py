"""A real provider, a real recipient, a fault between them: done, or a clear error, and never a wrong byte."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from model_sharing.api import blocking
from model_sharing_protocol.errors import DiskFull, TokenExpired, Unauthenticated
from support.network.fault_proxy import ConnectionFault, StreamFault
from support.network.proxied_recipient import (
    IN_FLIGHT,
    MIB,
    SIZE,
    ProxiedRecipient,
    mounted_through_proxy,
    short_timeouts,
)
from support.processes.provider import ProviderProcess, invite, renew_token, write_profile_for
from support.small_disk import fill, small_disk

# 64 KiB in this time on each of two connections: some seconds for the whole.
SLOWLY = ConnectionFault(to_client=StreamFault(delay=0.007))


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("acme", ["http", "https"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_connections_no_byte_is_wrong(
    proxied_recipient: ProxiedRecipient, seed: int
) -> None:
    with short_timeouts():
        proxied_recipient.fetch_through_random_faults(seed)
    proxied_recipient.proxy.faults.clear()
    proxied_recipient.proxy.cut_all()
    proxied_recipient.fetch()


@pytest.mark.parametrize(
    "way", [StreamFault(cut_at=6 * MIB), StreamFault(stall_at=12 * MIB)], ids=["cut", "stalled"]
)
def test_connections_that_break_off_again_and_again_cost_a_buffer_each(
    proxied_recipient: ProxiedRecipient, way: StreamFault
) -> None:
    proxied_recipient.proxy.default_fault = ConnectionFault(to_client=way)
    with short_timeouts():
        proxied_recipient.fetch()
    assert proxied_recipient.proxy.connections > 3
    assert (
        proxied_recipient.proxy.bytes_to_client < SIZE + proxied_recipient.proxy.connections * IN_FLIGHT / 2
    )


def test_what_was_changed_on_the_way_is_fetched_once_more(proxied_recipient: ProxiedRecipient) -> None:
    """Each connection changes one byte, once: the second time it comes as it is."""
    proxied_recipient.proxy.default_fault = ConnectionFault(to_client=StreamFault(flip_at=5 * MIB))
    proxied_recipient.fetch()
    assert SIZE < proxied_recipient.proxy.bytes_to_client < 2 * SIZE + IN_FLIGHT


def test_another_server_process_takes_over_unnoticed(proxied_recipient: ProxiedRecipient) -> None:
    proxied_recipient.proxy.default_fault = SLOWLY
    with ProviderProcess(proxied_recipient.provider.home) as dying, ThreadPoolExecutor() as threads:
        survivor, proxied_recipient.proxy.target = proxied_recipient.proxy.target, dying.port
        download = threads.submit(proxied_recipient.fetch)
        proxied_recipient.wait_for(SIZE // 2)
        proxied_recipient.proxy.target = survivor
        dying.kill()
        download.result()
    assert proxied_recipient.proxy.bytes_to_client < SIZE + IN_FLIGHT


def test_addresses_that_expire_during_the_download_are_asked_for_again(
    acme_home: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, token = acme_home
    prelude = (
        "from model_sharing_provider.services.sharing import recipient_files; "
        "recipient_files.URL_LIFETIME_SECONDS = 2"
    )
    with (
        ProviderProcess(home, prelude=prelude) as provider,
        mounted_through_proxy(provider, token, tmp_path, monkeypatch) as proxied_recipient,
    ):
        asked = queries(home)
        proxied_recipient.proxy.default_fault = ConnectionFault(to_client=StreamFault(delay=0.012))
        proxied_recipient.fetch()
        assert queries(home) - asked > 1
        assert proxied_recipient.proxy.bytes_to_client < SIZE + IN_FLIGHT


def queries(home: Path) -> int:
    """Number of requests for a version's files, by its audit log."""
    with closing(sqlite3.connect(home / "metastore.db")) as rows:
        asked = "SELECT count(*) FROM audit_log WHERE action LIKE '%QueryModelVersion%'"
        return int(rows.execute(asked).fetchone()[0])


def test_a_token_that_ends_during_the_download_is_told_and_a_new_one_goes_on(
    proxied_recipient: ProxiedRecipient,
) -> None:
    write_profile_for(
        proxied_recipient.profile,
        invite(proxied_recipient.provider.home, "initech"),
        proxied_recipient.proxy.port,
    )
    proxied_recipient.proxy.default_fault = SLOWLY
    with ThreadPoolExecutor() as threads:
        download = threads.submit(proxied_recipient.fetch)
        proxied_recipient.wait_for(SIZE // 2)
        renewed = renew_token(proxied_recipient.provider.home, "initech")
        with pytest.raises((TokenExpired, Unauthenticated), match="Ask the provider"):
            download.result()
    write_profile_for(proxied_recipient.profile, renewed, proxied_recipient.proxy.port)
    proxied_recipient.proxy.default_fault = ConnectionFault()
    proxied_recipient.fetch()
    assert proxied_recipient.proxy.bytes_to_client < SIZE + IN_FLIGHT


def test_a_disk_that_fills_up_is_told_and_with_room_again_the_download_goes_on(
    proxied_recipient: ProxiedRecipient, recipient_home: Path
) -> None:
    with small_disk(recipient_home / "cache", 2 * SIZE // MIB) as disk, ThreadPoolExecutor() as threads:
        proxied_recipient.proxy.default_fault = SLOWLY
        download = threads.submit(proxied_recipient.fetch)
        proxied_recipient.wait_for(SIZE // 2)
        filler = fill(disk)
        with pytest.raises(DiskFull, match="goes on where it stopped"):
            download.result()
        assert not list((disk / "snapshots").iterdir())
        filler.unlink()
        proxied_recipient.proxy.default_fault = ConnectionFault()
        proxied_recipient.fetch()
        assert proxied_recipient.proxy.bytes_to_client < SIZE + IN_FLIGHT
        blocking.close()

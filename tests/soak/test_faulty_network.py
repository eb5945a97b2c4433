"""More faults than there is time for in each run of the suite, and a provider that stays away for long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from model_sharing_protocol.errors import ServerUnreachable
from support.network.fault_proxy import ConnectionFault, StreamFault
from support.network.proxied_recipient import IN_FLIGHT, SIZE, ProxiedRecipient, short_timeouts


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("acme", ["http", "https"], indirect=True)
@pytest.mark.parametrize("seed", range(100, 115))
def test_whatever_happens_to_connections_no_byte_is_wrong(
    proxied_recipient: ProxiedRecipient, seed: int
) -> None:
    with short_timeouts():
        proxied_recipient.fetch_through_random_faults(seed)
    proxied_recipient.proxy.faults.clear()
    proxied_recipient.proxy.cut_all()
    proxied_recipient.fetch()


def test_a_server_that_is_killed_and_comes_back_after_the_download_gave_up(
    proxied_recipient: ProxiedRecipient,
) -> None:
    proxied_recipient.proxy.default_fault = ConnectionFault(to_client=StreamFault(delay=0.01))
    with ThreadPoolExecutor() as threads:
        download = threads.submit(proxied_recipient.fetch)
        proxied_recipient.wait_for(SIZE // 2)
        proxied_recipient.provider.kill()
        with pytest.raises(ServerUnreachable, match="goes on where it stopped"):
            download.result()
    proxied_recipient.provider.start()
    proxied_recipient.fetch()
    assert proxied_recipient.proxy.bytes_to_client < SIZE + IN_FLIGHT

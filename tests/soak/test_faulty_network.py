"""More faults than there is time for in each run of the suite, and a provider that stays away for long."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_proxy import Fault, Way
from faulty_network import IN_FLIGHT, SIZE, Story, impatience

from model_sharing_protocol.errors import ServerUnreachable


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.parametrize("acme", ["http", "https"], indirect=True)
@pytest.mark.parametrize("seed", range(100, 115))
def test_whatever_happens_to_connections_no_byte_is_wrong(story: Story, seed: int) -> None:
    with impatience():
        story.fetch_through_random_faults(seed)
    story.proxy.faults.clear()
    story.proxy.cut_all()
    story.fetch()


def test_a_server_that_is_killed_and_comes_back_after_the_download_gave_up(story: Story) -> None:
    story.proxy.always = Fault(to_client=Way(delay=0.01))
    with ThreadPoolExecutor() as threads:
        download = threads.submit(story.fetch)
        story.wait_for(SIZE // 2)
        story.provider.kill()
        with pytest.raises(ServerUnreachable, match="goes on where it stopped"):
            download.result()
    story.provider.start()
    story.fetch()
    assert story.proxy.bytes_to_client < SIZE + IN_FLIGHT

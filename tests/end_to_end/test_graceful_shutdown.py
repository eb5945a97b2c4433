"""A server that is told to stop: it says so before it closes, and nobody's download suffers."""

from __future__ import annotations

import signal
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from support.network.fault_proxy import ConnectionFault, StreamFault
from support.network.proxied_recipient import IN_FLIGHT, SIZE, mounted_through_proxy
from support.processes.provider import ProviderProcess

# 64 KiB in this time on each of two connections: for longer than a busy machine takes to stop a server.
SLOWLY = ConnectionFault(to_client=StreamFault(delay=0.02))


def answers(server: ProviderProcess, path: str) -> tuple[int, str]:
    """The status of an answer, and what it says of its connection."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Connection", "")


@pytest.mark.parametrize("grace", ["0", "60s"], ids=["cut", "finished"])
def test_a_download_goes_on_at_another_server(
    acme: ProviderProcess,
    acme_home: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    grace: str,
) -> None:
    """Downloads in progress end, or are cut and resumed elsewhere: no byte that came is fetched again."""
    home, token = acme_home
    options = ("--drain", "1s", "--grace", grace)
    with (
        ProviderProcess(home, options=options, log=tmp_path / "log") as leaving,
        mounted_through_proxy(acme, token, tmp_path, monkeypatch) as recipient,
        ThreadPoolExecutor() as threads,
    ):
        survivor, recipient.proxy.target = recipient.proxy.target, leaving.port
        recipient.proxy.default_fault = SLOWLY
        download = threads.submit(recipient.fetch)
        recipient.wait_for(SIZE // 3)
        assert answers(leaving, "/ready") == (200, "")
        leaving.process.send_signal(signal.SIGTERM)
        while (said := answers(leaving, "/ready"))[0] == 200:
            time.sleep(0.01)
        # It takes requests for a second more, and asks for no more of them on the same connection.
        assert said == (503, "close")
        assert answers(leaving, "/health") == (200, "close")
        recipient.proxy.target = survivor
        assert leaving.process.wait(60) == 0
        assert not download.done()
        download.result()
        assert recipient.proxy.bytes_to_client < SIZE + (IN_FLIGHT if grace == "0" else 100_000)
        assert "Traceback" not in leaving.said
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{leaving.url}/health")

"""A recipient that is killed a hundred times in one download: what had arrived is not fetched again."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import model_sharing
from support.model_folder import write_model
from support.network.fault_proxy import ConnectionFault, FaultProxy, StreamFault
from support.processes import killable
from support.processes.provider import SHARE, ProviderProcess, share_model, write_profile_for

MIB = 1024 * 1024
KILLS = 100
SIZE = 760 * MIB + 12_345
JOBS = 2
REF = "models:/vendor.ml_team.scorer/1"


def test_a_hundred_kills_in_one_download(tmp_path: Path, recipient_home: Path) -> None:
    """Each run gets 4 to 8 MiB. What a kill may cost is what its two connections hold: 2 MiB each, say."""
    weights = os.urandom(SIZE)
    token = share_model(tmp_path / "provider", write_model(tmp_path / "m", {"weights.bin": weights}))
    dice = random.Random(2)
    with ProviderProcess(tmp_path / "provider") as provider, FaultProxy(provider.port) as proxy:
        proxy.default_fault = ConnectionFault(to_client=StreamFault(delay=0.001))
        profile = write_profile_for(tmp_path / "globex.share", token, proxy.port)
        model_sharing.mount(profile, share=SHARE, name="vendor")
        for _ in range(KILLS):
            enough = proxy.bytes_to_client + dice.randrange(4 * MIB, 8 * MIB)
            process = killable.start(killable.fetch, recipient_home, REF, JOBS)
            while process.is_alive() and proxy.bytes_to_client < enough:
                time.sleep(0.001)
            assert process.is_alive(), "it was done, or failed, before it could be killed"
            process.kill()
            process.join()
        proxy.default_fault = ConnectionFault()
        snapshot = model_sharing.catalog("vendor").snapshot(REF)
    assert (snapshot.folder / "weights.bin").read_bytes() == weights
    assert proxy.bytes_to_client <= SIZE + KILLS * JOBS * 2 * MIB

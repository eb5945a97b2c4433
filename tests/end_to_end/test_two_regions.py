"""The link of the example of two regions; `soak` has the whole story."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from link import Link

import model_sharing
from model_sharing_protocol.errors import ServerUnreachable
from support.network.proxied_recipient import FILES, REF, SIZE
from support.patience import PATIENCE
from support.processes.provider import SHARE, ProviderProcess, write_profile_for
from support.processes.virtual_environments import ROOT

EXAMPLE = ROOT / "examples" / "two_regions"


def test_a_link_delays_and_counts_and_is_cut_and_restored(
    acme: ProviderProcess, acme_home: tuple[Path, str], tmp_path: Path
) -> None:
    with Link(acme.port, delay_ms=80) as link:
        profile = write_profile_for(tmp_path / "globex.share", acme_home[1], link.port)
        vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
        before = link.traffic
        folder = vendor.snapshot(REF).folder
        assert {name: (folder / name).read_bytes() for name in FILES} == FILES
        crossed = link.traffic.since(before)
        assert SIZE < crossed.artifact_bytes() < crossed.to_client < 1.01 * SIZE
        assert any(path.endswith("/versions/1/query") for path in crossed.requests)

        started = time.perf_counter()
        vendor.list_versions("ml_team.scorer")
        assert time.perf_counter() - started > 0.08

        link.cut()
        with pytest.raises(ServerUnreachable):
            vendor.list_versions("ml_team.scorer")
        link.restore()
        assert vendor.list_versions("ml_team.scorer")


def test_a_link_runs_as_a_program(acme: ProviderProcess) -> None:
    program = [sys.executable, str(EXAMPLE / "link.py"), "--to", str(acme.port), "--delay-ms", "0"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as link:
        assert link.stdin is not None and link.stdout is not None
        address = link.stdout.readline().split()[0]
        with urllib.request.urlopen(f"{address}/health", timeout=PATIENCE) as answer:
            assert answer.status == 200
        told, _ = link.communicate("traffic\ncut\n", timeout=PATIENCE)
    assert "1 requests" in told and "/health" in told

"""A champion moves at the provider, and a second later a job has run at the recipient."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import model_sharing
from model_sharing.catalogs.watching import POLL_SECONDS, WAIT_SECONDS
from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.patience import PATIENCE
from support.processes.provider import (
    MODEL,
    SHARE,
    ProviderProcess,
    as_admin,
    share_model,
    write_profile_for,
)

JOB = """
import json, sys, time
event = json.load(sys.stdin)
with open("ran", "a") as file:
    file.write(json.dumps([event["uri"], event["version"], time.time()]) + "\\n")
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ProviderProcess]:
    """Two workers that share a model with two versions; Champion is the second."""
    home = tmp_path / "provider-home"
    token = share_model(home, write_model(tmp_path / "one"), write_model(tmp_path / "two", {"w": b"2"}))
    with ProviderProcess(home, options=("--workers", "2")) as process:
        profile = write_profile_for(tmp_path / "globex.share", token, process.port)
        model_sharing.mount(profile, share=SHARE, name="vendor")
        yield process


@pytest.fixture
def watching(served: ProviderProcess, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`model-sharing watch` runs a job for each move of Champion."""
    (tmp_path / "job.py").write_text(JOB)
    watch = ["watch", "vendor", "--alias", "Champion", "--exec", f"{sys.executable} job.py"]
    process = subprocess.Popen(
        [sys.executable, "-m", "model_sharing.cli", *watch], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "Watching vendor" in process.stderr.readline()
    yield process
    process.kill()
    process.communicate()


def set_champion(home: Path, version: int) -> float:
    """Move the alias beside the servers; the time of the commit."""

    async def move(admin: AdminClient) -> float:
        await admin.provider.models.set_alias(admin.context, FullName.parse(MODEL), "Champion", version)
        return time.time()

    return as_admin(home, move)


def runs(folder: Path, number: int) -> list[tuple[str, int, float]]:
    """So many runs of the job, as soon as there are."""
    ran, end = folder / "ran", time.monotonic() + PATIENCE
    wait_until(lambda: ran.exists() and ran.read_text().count("\n") >= number, end)
    return [tuple(json.loads(line)) for line in ran.read_text().splitlines()]


def wait_until(condition: Callable[[], bool], end: float) -> None:
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_champion_that_moves_runs_a_job_at_once_and_after_a_restart(
    served: ProviderProcess, watching: subprocess.Popen[str], tmp_path: Path
) -> None:
    uri = "models:/vendor.ml_team.scorer@Champion"
    delays = []
    for number, version in enumerate((1, 2, 1), 1):
        moved = set_champion(served.home, version)
        last = runs(tmp_path, number)[-1]
        assert last[:2] == (uri, version)
        delays.append(last[2] - moved)
    assert min(delays) < POLL_SECONDS, "it is told, and does not ask now and then"
    served.kill()
    set_champion(served.home, 2)
    served.start()
    assert runs(tmp_path, 4)[-1][:2] == (uri, 2)
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 130
    assert "Traceback" not in said


def test_a_server_that_stops_does_not_wait_for_those_who_wait(
    served: ProviderProcess, watching: subprocess.Popen[str]
) -> None:
    began = time.monotonic()
    served.process.terminate()
    served.process.wait(PATIENCE)
    assert time.monotonic() - began < WAIT_SECONDS

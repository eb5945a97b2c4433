"""A provider that is killed hundreds of times while versions are registered: none lost, none half there."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.client import HTTPException
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.files_api import PREFIX as FILES
from model_sharing_protocol.mlflow_registry import PREFIX as MLFLOW
from model_sharing_protocol.times import now_ms
from model_sharing_provider.domain.jobs import Job, JobState
from model_sharing_provider.services.administration import gc
from support.admin_client import AdminClient
from support.model_folder import MLMODEL, write_model
from support.patience import within_patience
from support.processes import killable
from support.processes.provider import MODEL, SHARE, ProviderProcess, as_admin, share_model, write_profile_for
from support.processes.servers import free_port

SERVERS = 200
COMMANDS = 60
ENOUGH = 5
WEIGHTS = bytes(range(256)) * 1200


class Registry:
    """The registry of a server that may die at any moment, as a program sees it that registers versions."""

    def __init__(self, port: int, token: str) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self._token = token

    def register(self) -> int:
        """The number of a new version that the server has said is ready; OSError if it dies before."""
        asked = {"name": MODEL, "source": "runs:/1/model"}
        version = self._json(f"{MLFLOW}/model-versions/create", asked)["model_version"]["version"]
        folder = f"{FILES}/files/Models/{MODEL.replace('.', '/')}/{version}"
        for name, content in (("MLmodel", MLMODEL.encode()), ("weights.bin", WEIGHTS)):
            self._call("PUT", f"{folder}/{name}", content)
        ready = self._json(f"{MLFLOW}/model-versions/finalize", {"name": MODEL, "version": version})
        assert ready["model_version"]["status"] == "READY"
        return int(version)

    def _json(self, path: str, body: dict[str, str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(self._call("POST", path, json.dumps(body).encode()))
        return found

    def _call(self, method: str, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(self._origin + path, body, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            read: bytes = answer.read()
        return read


@contextmanager
def dying(process: BaseProcess, seconds: float) -> Iterator[BaseProcess]:
    """Kill it after this time, whatever it does."""
    executioner = threading.Timer(seconds, process.kill)
    executioner.start()
    yield process
    executioner.join()
    process.join()


@pytest.mark.parametrize("who", ["server", "command"])
def test_what_was_acknowledged_is_there_and_what_is_there_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    home = tmp_path / "home"
    folder = write_model(tmp_path / "m", {"weights.bin": WEIGHTS})
    token = share_model(home, folder)
    dice = random.Random(3)
    acknowledged = {1} | (
        killed_servers(home, dice) if who == "server" else killed_commands(home, folder, dice)
    )
    assert len(acknowledged) > ENOUGH
    with ProviderProcess(home) as provider:
        # It finishes what killed ones have begun, which may make versions ready that nobody was told of.
        assert within_patience(lambda: not as_admin(home, unfinished_jobs))
        profile = write_profile_for(tmp_path / "globex.share", token, provider.port)
        catalog = model_sharing.mount(profile, share=SHARE, name="vendor")
        shown = {version.version for version in catalog.list_versions("ml_team.scorer")}
    assert acknowledged <= shown

    async def look(admin: AdminClient) -> None:
        found = await admin.provider.fsck.check(admin.context)
        assert found.problems == []
        assert found.num_versions >= len(acknowledged)
        monkeypatch.setattr(gc, "now_ms", lambda: now_ms() + 2 * 24 * 3600 * 1000)
        day = timedelta(days=1)
        await admin.provider.gc.collect(admin.context, older_than=day, abandoned_after=day)
        left = await admin.provider.fsck.check(admin.context)
        assert (left.problems, list(left.orphans.versions), list(left.orphans.foreign_paths)) == ([], [], [])
        assert left.num_versions == len(shown)

    as_admin(home, look)


async def unfinished_jobs(admin: AdminClient) -> list[Job]:
    found = await admin.provider.jobs.list(admin.context)
    return [job for job in found if job.state in (JobState.QUEUED, JobState.RUNNING)]


def killed_servers(home: Path, dice: random.Random) -> set[int]:
    """Upload version after version to servers that die; what they said is ready."""
    port, acknowledged = free_port(), set[int]()
    registry = Registry(port, (home / "admin.token").read_text())
    for attempt in range(SERVERS):
        serving = home / f"serving{attempt}"
        server = killable.start(killable.serve, home, port, serving)
        while server.is_alive() and not serving.exists():
            time.sleep(0.005)
        with dying(server, dice.random() * 0.5), suppress(OSError, HTTPException):
            while True:
                acknowledged.add(registry.register())
    return acknowledged


def killed_commands(home: Path, folder: Path, dice: random.Random) -> set[int]:
    """Register a folder again and again by processes that die; what they wrote down."""
    notes = home.with_name("acknowledged")
    for attempt in range(5 * COMMANDS):
        acknowledged = notes.read_text().split() if notes.exists() else []
        if attempt >= COMMANDS and len(acknowledged) >= ENOUGH:
            break
        # A machine that is slow at this moment is given longer and longer.
        seconds = 0.1 + dice.random() * 0.3 * max(1, attempt / COMMANDS)
        with dying(killable.start(killable.register, home, folder, MODEL, notes), seconds):
            pass
    return {int(line) for line in notes.read_text().split()}

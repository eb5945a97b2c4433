"""Stock `huggingface_hub` reads a mounted share at `model-sharing serve-cache`, all of it verified."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.names import FullName
from model_sharing_protocol.profile import write_profile
from support.admin_client import AdminClient
from support.hugging_face_door import NAME, SHARE, SNAPSHOTS, HuggingFaceDoor, run
from support.hugging_face_hub import NEWEST, OLDEST
from support.processes.cache_server import running_cache_server
from support.repository_folder import files_of

REPO = "vendor.llm/tiny"


@pytest.fixture
def recipient_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "recipient-home"
    monkeypatch.setenv("MODEL_SHARING_HOME", str(home))
    yield home
    blocking.close()


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
async def test_it_downloads_what_was_verified_and_follows_the_alias(
    release: str, admin: AdminClient, server: TestServer, endpoint: str, tmp_path: Path, recipient_home: Path
) -> None:
    door = HuggingFaceDoor(admin, server, release, tmp_path)
    await door.register("Champion")
    profile = await admin.activate(await admin.share(SHARE, "globex", NAME), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    await asyncio.to_thread(model_sharing.mount, tmp_path / "globex.share", share=SHARE, name="vendor")
    with running_cache_server(recipient_home, tmp_path / "log") as address:
        user, other = (replace(door.user(""), endpoint=address) for _ in range(2))
        (first,) = await run(user, SNAPSHOTS, REPO, "Champion")
        assert files_of(Path(first)) == files_of(door.repositories[0])
        await door.register()
        await admin.provider.models.set_alias(admin.context, FullName.parse(NAME), "Champion", 2)
        (second,) = await run(user, SNAPSHOTS, REPO, "Champion")
        assert files_of(Path(second)) == files_of(door.repositories[1])
        # The provider is gone: what was read is read again, into an empty cache of the client's.
        await server.close()
        again = await run(other, SNAPSHOTS, REPO, "1", "Champion")
        assert [files_of(Path(folder)) for folder in again] == [files_of(Path(first)), files_of(Path(second))]

"""Stock `huggingface_hub` waits at the cache's door for longer than it waits for a silent server."""

from __future__ import annotations

from pathlib import Path

import pytest

import model_sharing
from support.hugging_face_door import SNAPSHOTS
from support.hugging_face_hub import NEWEST, OLDEST, HubClient
from support.processes.cache_server import running_cache_server
from support.processes.provider import MODEL, SHARE, ProviderProcess, share_model, write_profile_for
from support.repository_folder import files_of, write_repository

SIZE = 50 * 2**20
RATE = "2MiB"


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_it_gets_what_takes_half_a_minute_to_fetch(
    release: str, tmp_path: Path, recipient_home: Path
) -> None:
    """Two shards of 25 MiB, at 2 MiB a second: nothing can be sent before all of one is verified."""
    repository = write_repository(tmp_path / "repository", size=SIZE)
    token = share_model(tmp_path / "acme", repository)
    with ProviderProcess(tmp_path / "acme") as acme:
        profile = write_profile_for(tmp_path / "globex.share", token, acme.port)
        model_sharing.mount(profile, share=SHARE, name="vendor")
        log = tmp_path / "log"
        with running_cache_server(recipient_home, log, "--limit-rate", RATE) as address:
            (tmp_path / "home").mkdir()
            client = HubClient(release, tmp_path / "home", address, "")
            name = MODEL.partition(".")[2].replace(".", "/")
            (folder,) = client.run(SNAPSHOTS, f"vendor.{name}", "Champion")
    assert files_of(Path(folder)) == files_of(repository)
    assert "Fetching" in log.read_text()

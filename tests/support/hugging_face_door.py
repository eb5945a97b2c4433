"""A share behind the Hugging Face door, and users of it by one release of the stock client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from support.admin_client import AdminClient
from support.hugging_face_hub import HubClient
from support.repository_folder import write_repository

NAME = "prod.llm.tiny"
REPO = "llm/tiny"
SHARE = "acme_share"

SNAPSHOTS = """
import json, sys
from huggingface_hub import snapshot_download
repository, *revisions = sys.argv[1:]
print(json.dumps([snapshot_download(repository, revision=revision or None) for revision in revisions]))
"""
"""Downloads each revision of a repository, the default for an empty one; prints the folders."""


@dataclass
class HuggingFaceDoor:
    """Provider's server, and where the versions and the users' caches are."""

    admin: AdminClient
    server: TestServer
    release: str
    folder: Path
    repositories: list[Path] = field(default_factory=list)
    """The folder of each version of the model."""

    async def register(self, alias: str | None = None, *, size: int = 40_000) -> Path:
        """The next version of the model, from a new folder."""
        folder = self.folder / f"repository-{len(self.repositories) + 1}"
        self.repositories.append(write_repository(folder, size=size))
        await self.admin.register(folder, NAME, alias)
        return folder

    async def open(self, *, size: int = 40_000) -> HubClient:
        """The share, with the first version as its champion; a user at its recipient."""
        await self.register("Champion", size=size)
        code = await self.admin.share(SHARE, "globex", NAME)
        return self.user((await self.admin.activate(code, "http://unused.example")).bearer_token)

    def user(self, token: str, door: str = f"/hf/{SHARE}") -> HubClient:
        """User of that token whose cache is empty."""
        home = self.folder / f"home-{len(list(self.folder.glob('home-*')))}"
        home.mkdir()
        return HubClient(self.release, home, str(self.server.make_url(door)), token)


async def run(client: HubClient, program: str, *arguments: object) -> Any:
    """Run a client's program in a thread, since the server is in this one."""
    return await asyncio.to_thread(client.run, program, *arguments)

"""Refusals: files that the mount's policy keeps from clients, since they could run the provider's code.

A file is judged by its name before it is fetched, and by its content before it is sent, as `load_model` would
judge it. What loads something else from elsewhere is served: at this server nothing else is to be had.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from model_sharing.cache_server.commits import Commit
from model_sharing.policy.requirements import requirements
from model_sharing_protocol.errors import UntrustedCode

_NOWHERE = Path(os.devnull)
_MOST_REMEMBERED = 1000

Reasons = Mapping[str, str]
"""Reasons not to serve files, by their paths."""


class Refusals:
    """Refusals of files of untrusted mounts, remembered since the same folders are asked about again."""

    def __init__(self) -> None:
        self._judged: OrderedDict[tuple[str, Path], Reasons] = OrderedDict()

    async def reasons(self, commit: Commit, folder: Path = _NOWHERE) -> Reasons:
        """Reasons by the names of a commit's files, and by the content of those that are in `folder`."""
        if commit.catalog.mount.trust_remote_code:
            return {}
        key = (commit.id, folder)
        if key not in self._judged:
            sizes = {file.path: file.size for file in commit.listing.manifest.files}
            judged = await asyncio.to_thread(requirements, folder, sizes)
            self._judged[key] = {finding.path: finding.reason for finding in judged.code}
            if len(self._judged) > _MOST_REMEMBERED:
                self._judged.popitem(last=False)
        return self._judged[key]

    async def check(self, commit: Commit, path: str, folder: Path = _NOWHERE) -> None:
        """Raise UntrustedCode for a file that is not served."""
        reason = (await self.reasons(commit, folder)).get(path)
        if reason is None:
            return
        mount = commit.catalog.name
        raise UntrustedCode(
            f"{path!r} of {commit} is not served, because {reason}. Leave it out (ignore_patterns, "
            f"--exclude), or, if you trust the provider with your machine, unmount {mount!r} and mount it "
            "again with --trust-remote-code."
        )

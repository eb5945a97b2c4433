"""Download plan: the manifest minus what the cache holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import part_bytes
from model_sharing_protocol.errors import DiskFull
from model_sharing_protocol.manifest import Manifest, ManifestFile


@dataclass(frozen=True, slots=True)
class Plan:
    """Contents to fetch: `missing` names each once, however often the manifest does. Sizes are in bytes."""

    manifest: Manifest
    missing: tuple[ManifestFile, ...]
    reused_files: int

    @property
    def size(self) -> int:
        """Bytes of all missing contents."""
        return sum(file.size for file in self.missing)


def make_plan(manifest: Manifest, cache: Cache, *, verify: bool = False) -> Plan:
    """Plan a download against the cache. `verify` hashes what is reused, instead of trusting its seal."""
    contents = {file.sha256: file for file in manifest.files}
    missing = tuple(file for file in contents.values() if not cache.has_blob(file, verify=verify))
    absent = {file.sha256 for file in missing}
    reused = sum(file.sha256 not in absent for file in manifest.files)
    return Plan(manifest, missing, reused)


def check_space(plan: Plan, cache: Cache) -> None:
    """Raise DiskFull if what is missing cannot fit on the cache's disk."""
    free = shutil.disk_usage(cache.root).free
    if plan.size <= free:
        return
    needed = plan.size - sum(part_bytes(cache.part_path(file.sha256)) for file in plan.missing)
    if needed > free:
        raise DiskFull(
            f"The download needs {needed} bytes and the disk that holds {cache.root} has {free} bytes free. "
            "Free some space, or set MODEL_SHARING_CACHE to a folder on a larger disk. Nothing was fetched."
        )

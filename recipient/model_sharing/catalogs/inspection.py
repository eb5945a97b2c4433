"""Inspection of a version before it is fetched: its files, what loading it needs, and its model card."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_models import SharedVersion
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.policy.requirements import Requirements, files_to_judge, requirements
from model_sharing_protocol.errors import InvalidState, NotFound
from model_sharing_protocol.manifest import ManifestFile
from model_sharing_protocol.names import ModelRef


@dataclass(frozen=True, slots=True)
class InspectedVersion:
    """Version with its signed list of files, and what loading it would need and do."""

    version: SharedVersion
    files: tuple[ManifestFile, ...]
    requirements: Requirements


async def inspect_version(catalog: SharedCatalog, ref: str | ModelRef) -> InspectedVersion:
    """Inspect a version. Only the small files that tell whether loading runs code are fetched."""
    listing = await catalog.list_files(ref)
    sizes = {file.path: file.size for file in listing.manifest.files}
    wanted = files_to_judge(sizes)
    if not wanted:
        nothing = catalog.cache.snapshot_folder(listing.manifest)
        found = await asyncio.to_thread(requirements, nothing, sizes)
    else:
        async with catalog.held_files(listing, wanted, ProgressCounter()) as snapshot:
            found = await asyncio.to_thread(requirements, snapshot.folder, sizes)
    return InspectedVersion(listing.version, listing.manifest.files, found)


async def read_text(catalog: SharedCatalog, ref: str | ModelRef, path: str, limit: int) -> str:
    """Verified text of one file; only that file is fetched.

    Raises NotFound if the version has no such file, InvalidState if it has more than `limit` bytes.
    """
    listing = await catalog.list_files(ref)
    subject = f"{listing.version.full_name} version {listing.version.version}"
    size = next((file.size for file in listing.manifest.files if file.path == path), None)
    if size is None:
        raise NotFound(f"{subject} has no file {path!r}.")
    if size > limit:
        raise InvalidState(
            f"{path!r} of {subject} has {size} bytes, and at most {limit} are shown. To get it: "
            f"model-sharing path {listing.version.uri} --file {path}."
        )
    async with catalog.held_files(listing, [path], ProgressCounter()) as snapshot:
        content = await asyncio.to_thread(snapshot.path_of(path).read_bytes)
    return content.decode(errors="replace")

"""Files of versions for other programs: their path in the cache, or a copy of them in a folder.

What leaves this library is judged by its names alone: nothing that tools act upon unasked, unless there is
trust. Whether a program that reads the files runs code from them is up to that program.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from model_sharing.catalogs.download_plan import DownloadPlan
from model_sharing.catalogs.file_patterns import FilePatterns
from model_sharing.catalogs.shared_catalog import SharedCatalog
from model_sharing.catalogs.shared_models import DownloadedVersion
from model_sharing.catalogs.snapshots import PartialSnapshot, VersionListing
from model_sharing.downloads.progress_counter import ProgressCounter
from model_sharing.exports.destinations import check_destination, copy_to_destination
from model_sharing_protocol.manifest import Manifest
from model_sharing_protocol.names import ModelRef


async def local_files(
    catalog: SharedCatalog,
    ref: str | ModelRef,
    patterns: FilePatterns | None,
    counter: ProgressCounter,
    *,
    verify: bool = False,
    trust_remote_code: bool | None = None,
) -> PartialSnapshot:
    """Get files of a version for another program, held in the cache until this process ends.

    Raises UntrustedCode for files that tools act upon unasked, and what `held_snapshot` raises.
    """
    counter.enter("asking the provider")
    listing, _ = await _listed(catalog, ref, patterns, trust_remote_code)
    async with catalog.held_selection(listing, patterns, counter, verify=verify) as snapshot:
        catalog.hold_until_exit(snapshot)
        return snapshot


def asked_path(snapshot: PartialSnapshot, patterns: FilePatterns | None) -> Path:
    """Path that was asked for: the file, which of several shards is the first, or else the folder."""
    if patterns is not None and patterns.of_files:
        return snapshot.path_of(snapshot.paths[0])
    return snapshot.folder


async def download(
    catalog: SharedCatalog,
    ref: str | ModelRef,
    destination: Path,
    patterns: FilePatterns | None,
    counter: ProgressCounter,
    *,
    verify: bool = False,
    trust_remote_code: bool | None = None,
) -> DownloadedVersion:
    """Copy verified files of a version to `destination`, which must not exist or be an empty folder.

    The version's signature goes beside it, into `<destination>.sig`, or as `model.sig` into it where nothing
    can be written beside it. Raises UntrustedCode for files that tools act upon unasked.
    """
    target = await asyncio.to_thread(check_destination, destination)
    counter.enter("asking the provider")
    listing, _ = await _listed(catalog, ref, patterns, trust_remote_code)
    async with catalog.held_selection(listing, patterns, counter, verify=verify) as snapshot:
        await asyncio.to_thread(_copy, snapshot, target, counter)
    return DownloadedVersion.at(
        target,
        snapshot.version,
        fetched=snapshot.fetched,
        reused=snapshot.reused,
        files=snapshot.paths if snapshot.is_partial else None,
    )


async def plan_download(
    catalog: SharedCatalog,
    ref: str | ModelRef,
    patterns: FilePatterns | None,
    *,
    verify: bool = False,
    trust_remote_code: bool | None = None,
) -> DownloadPlan:
    """Plan what `local_files` or `download` would fetch. Raises what they raise."""
    listing, selected = await _listed(catalog, ref, patterns, trust_remote_code)
    missing = await catalog.bytes_to_fetch(listing, selected, verify=verify)
    return DownloadPlan.of(listing.version, selected, missing)


async def _listed(
    catalog: SharedCatalog, ref: str | ModelRef, patterns: FilePatterns | None, trust_remote_code: bool | None
) -> tuple[VersionListing, Manifest]:
    """List a version's files, and the selected ones, before any is fetched. Raises UntrustedCode."""
    listing = await catalog.list_files(ref)
    subject = f"{listing.version.full_name} version {listing.version.version}"
    selected = patterns.select(listing.manifest, subject) if patterns else listing.manifest
    trusted = catalog.mount.trust_remote_code if trust_remote_code is None else trust_remote_code
    if not trusted:
        from model_sharing.policy import check_no_auto_run_files  # noqa: PLC0415 - slow to import

        check_no_auto_run_files((file.path for file in selected.files), subject)
    return listing, selected


def _copy(snapshot: PartialSnapshot, target: Path, counter: ProgressCounter) -> None:
    counter.enter("copying", snapshot.size, len(snapshot.files))
    copy_to_destination(
        snapshot.folder, Manifest(snapshot.files), snapshot.bundle.to_json(), target, counter.step
    )

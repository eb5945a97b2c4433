"""Files of a shared folder, fetched in parallel into a staging folder, where a later download goes on.

Files of volumes and skills have no digest. A key takes its place, of all that the provider says about a file:
its path, size, id and etag. What is staged under a key is complete, and of the size that was announced; while
a large file arrives, a part file beside it says how much of it is there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model_sharing.downloads.engine import raise_first
from model_sharing.downloads.part_file import RANGE_BYTES, PartFile, arrived_bytes, part_bytes
from model_sharing.downloads.plan import Plan
from model_sharing.downloads.progress_observer import FileProgress, ProgressObserver
from model_sharing.downloads.targets import FileRange, WholeFile
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.downloads.transfer.transfer import RangesIgnored, Target, Transfer
from model_sharing.filesystem.local_files import (
    list_folder,
    remove_path,
    removed_unless_moved,
    translated_disk_full,
)
from model_sharing_protocol.errors import DiskFull
from model_sharing_protocol.manifest import Manifest, ManifestFile

_READABLE = 0o666
_STAGED = re.compile(r"[0-9a-f]{64}(\.[a-z]+)?")


class FolderSource(Protocol):
    """Source of a folder's files, for several threads."""

    def run(self, file: ManifestFile, target: Target) -> None:
        """Fill `target` with the bytes of `file`."""

    def stop(self) -> None:
        """Stop every thread that is in `run`, by Interrupted."""

    def close(self) -> None:
        """Close all connections."""


class UrlSource:
    """Source of files by URLs; what each answer has to have as its etag is in `etags`, by the file's key."""

    def __init__(self, connections: Connections, urls: FileUrls, etags: Mapping[str, str]) -> None:
        self._transfer = Transfer(connections, urls, etags)
        self.stop = connections.stop
        self.close = connections.close

    def run(self, file: ManifestFile, target: Target) -> None:
        """Fill `target` with the bytes of `file`. Raises what `Transfer.run` raises."""
        self._transfer.run(file, target)


@dataclass(frozen=True, slots=True)
class FolderJob:
    """Download of `files`, whose digests are keys, into `staging`, by at most `parallel` connections."""

    files: Manifest
    staging: Path
    source: FolderSource
    progress: ProgressObserver
    parallel: int


def staged_path(staging: Path, file: ManifestFile) -> Path:
    """Path of a file that has arrived."""
    return staging / file.sha256


def staged_bytes(staging: Path, file: ManifestFile) -> int:
    """Bytes of a file that have arrived before."""
    if _is_staged(staging, file):
        return file.size
    return arrived_bytes(_part_path(staging, file), file.size)


def fetch_folder(job: FolderJob) -> None:
    """Fetch what is not staged yet. Blocking; ends early after `source.stop()`.

    Raises the first error, such as InvalidState for a file that was replaced meanwhile, and DiskFull.
    """
    _remove_others(job)
    missing = tuple(file for file in job.files.files if not _is_staged(job.staging, file))
    _check_space(job.staging, missing)
    job.progress.begin(Plan(job.files, missing, len(job.files.files) - len(missing)))
    workers = ThreadPoolExecutor(job.parallel, "model-sharing-fetch")
    fetcher = _Fetcher(job, workers)
    try:
        fetcher.run(missing)
    except BaseException:
        job.source.stop()
        raise
    finally:
        workers.shutdown(cancel_futures=True)
        job.source.close()
        job.progress.end()


class _Fetcher:
    def __init__(self, job: FolderJob, workers: ThreadPoolExecutor) -> None:
        self._job = job
        self._source = job.source
        self._workers = workers

    def run(self, files: tuple[ManifestFile, ...]) -> None:
        """Fetch large files one after another, by ranges at once; then small ones, several at once."""
        small = []
        for file in files:
            if file.size <= RANGE_BYTES:
                small.append(file)
            elif not self._fetch_ranges(file):
                self._fetch_whole(file)
        futures = [self._workers.submit(self._fetch_whole, file) for file in small]
        wait(futures, return_when=FIRST_EXCEPTION)
        raise_first(futures)

    def _fetch_whole(self, file: ManifestFile) -> None:
        staged = staged_path(self._job.staging, file)
        with removed_unless_moved(staged.with_suffix(".new")) as path:
            with WholeFile(path, file.size, self._job.progress) as target:
                if file.size:
                    self._source.run(file, target)
            path.replace(staged)
        self._job.progress.file_done()

    def _fetch_ranges(self, file: ManifestFile) -> bool:
        """Fetch a large file; False, with nothing kept, if the server knows no ranges."""
        progress = FileProgress(self._job.progress, file)
        path = _part_path(self._job.staging, file)
        with translated_disk_full(path.parent):
            path.touch(_READABLE)
        with PartFile(path, file.size, self._job.parallel) as part:
            progress.reused(part.done)
            targets = [FileRange(part, index, part.end(index), progress) for index in part.unfinished()]
            ranges = [self._workers.submit(self._source.run, file, target) for target in targets]
            try:
                wait(ranges, return_when=FIRST_EXCEPTION)
                raise_first(ranges)
            except RangesIgnored:
                _cancel(ranges)
                progress.reset()
                part.discard()
                return False
            except BaseException:
                self._source.stop()
                raise
            finally:
                _cancel(ranges)
            part.close()
            path.replace(staged_path(self._job.staging, file))
            part.forget_progress()
        self._job.progress.file_done(file)
        return True


def _cancel(ranges: list[Future[None]]) -> None:
    """Cancel what has not begun, and wait for what has, since it writes into the part."""
    for each in ranges:
        each.cancel()
    wait(ranges)


def _is_staged(staging: Path, file: ManifestFile) -> bool:
    try:
        return staged_path(staging, file).stat().st_size == file.size
    except OSError:
        return False


def _part_path(staging: Path, file: ManifestFile) -> Path:
    return staged_path(staging, file).with_suffix(".part")


def _remove_others(job: FolderJob) -> None:
    """Remove what was staged of files that are not wanted any more, or were replaced."""
    wanted = {file.sha256 for file in job.files.files}
    for path in list_folder(job.staging):
        if _STAGED.fullmatch(path.name) and path.stem not in wanted:
            remove_path(path)


def _check_space(staging: Path, missing: tuple[ManifestFile, ...]) -> None:
    needed = sum(file.size - part_bytes(_part_path(staging, file)) for file in missing)
    free = shutil.disk_usage(staging).free
    if needed > free:
        place = staging.resolve().parent
        raise DiskFull(
            f"The download needs {needed} bytes and the disk that holds {place} has {free} bytes free. "
            "Nothing was fetched."
        )

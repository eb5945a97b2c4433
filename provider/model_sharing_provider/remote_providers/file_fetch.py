"""One fetch of files from an upstream provider, by the recipient's engine, into this server's scratch cache.

The engine runs in a thread of its own; each content is handed on as soon as it is verified. What a killed
process leaves of a large file is gone on with; what is in other versions of the share is not fetched again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from model_sharing.cache.store import Cache
from model_sharing.downloads.engine import Engine
from model_sharing.downloads.job import Job
from model_sharing.downloads.measured_rates import MeasuredRates
from model_sharing.downloads.plan import Plan, check_space
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing.downloads.reuse_planner import ReusePlanner
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.filesystem.local_files import translated_write_errors
from model_sharing.settings import DeltaPolicy
from model_sharing.transport.file_origins import FileOrigins
from model_sharing_protocol.digests import hash_file
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile
from model_sharing_provider.domain.pulls import BaseVersion, PullSource

_PARALLEL = 8
_DELIVERED_AT_ONCE = 8
_RETRY_SECONDS = 10.0

T = TypeVar("T")
Deliver = Callable[[ManifestFile, Path], Awaitable[None]]
Restore = Callable[[BaseVersion, ManifestFile, Path], Awaitable[None]]


class ByteCounter(NoObserver):
    """Counter of bytes that crossed; `observe` is told of them, and of those found here."""

    def __init__(self, observe: Callable[[int], None]) -> None:
        self.fetched = 0
        self._observe = observe
        self._lock = threading.Lock()

    def advance(self, size: int, file: ManifestFile | None = None) -> None:
        """Count bytes that arrived."""
        with self._lock:
            self.fetched += size
        self._observe(size)

    def reused(self, size: int, file: ManifestFile) -> None:
        """Report bytes that were here."""
        self._observe(size)


class FileFetch:
    """Fetch of files of one version. It runs once, in the event loop that made it."""

    def __init__(
        self,
        source: PullSource,
        manifest: Manifest,
        urls: Mapping[str, str],
        renew: Callable[[], Coroutine[Any, Any, Mapping[str, str]]],
        *,
        cache: Path,
        may_call: Callable[[str], bool],
        bases: Sequence[BaseVersion],
        observe: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[str | None] = asyncio.Queue()
        self._bases = bases
        self._counter = ByteCounter(observe)
        origins = FileOrigins(source.profile.endpoint, source.mirror.file_origins, may_call)
        contents = Cache(cache, source.mirror.provider_fingerprint, published=self._announce)
        self._job = Job(
            manifest,
            contents,
            Connections(origins, retry_for=_RETRY_SECONDS),
            FileUrls(urls, lambda: self._wait_for(renew())),
            self._counter,
            parallel=_PARALLEL,
            base_versions=lambda: [base.manifest.digest for base in bases],
            rates=MeasuredRates(contents.rates_path()),
            # Bytes between regions and clouds cost money, once for all readers here.
            deltas=DeltaPolicy.SMALLEST,
        )

    async def run(self, wanted: Sequence[ManifestFile], deliver: Deliver, restore: Restore) -> int:
        """Fetch files and deliver each that is verified; the number of bytes that crossed.

        Raises what the engine and `deliver` raise. When cancelled, what has arrived is kept.
        """
        paths: dict[str, list[ManifestFile]] = defaultdict(list)
        for file in wanted:
            paths[file.sha256].append(file)
        contents = [files[0] for files in paths.values()]
        with ExitStack() as holds:
            fetch = partial(self._fetch, contents, holds, restore)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._run_in_thread(fetch))
                    for _ in range(_DELIVERED_AT_ONCE):
                        tasks.create_task(self._deliver(paths, deliver))
            except ExceptionGroup as group:
                raise group.exceptions[0] from None
        return self._counter.fetched

    async def _deliver(self, paths: Mapping[str, Sequence[ManifestFile]], deliver: Deliver) -> None:
        while (sha256 := await self._arrived.get()) is not None:
            for file in paths.get(sha256, ()):
                await deliver(file, self._job.cache.blob_path(sha256))

    async def _run_in_thread(self, fetch: Callable[[], None]) -> None:
        # A thread of its own: a slow provider must not take those that everybody shares.
        threads = ThreadPoolExecutor(1, "model-sharing-pull")
        work = self._loop.run_in_executor(threads, fetch)
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self._job.connections.stop()
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # seen, so that asyncio does not report it
            raise
        finally:
            threads.shutdown(wait=False)
        for _ in range(_DELIVERED_AT_ONCE):
            self._arrived.put_nowait(None)

    def _fetch(self, contents: Sequence[ManifestFile], holds: ExitStack, restore: Restore) -> None:
        """Fetch what the scratch cache lacks. Blocking."""
        cache, manifest = self._job.cache, self._job.manifest
        with translated_write_errors(cache.root):
            holds.enter_context(cache.held(manifest))
            missing = []
            for file in contents:
                # Hashed, since blobs are not synced to the disk: after a power cut they may be damaged.
                if cache.has_blob(file, verify=True):
                    self._counter.reused(file.size, file)
                    self._announce(file.sha256)
                else:
                    missing.append(file)
            if not missing:
                return
            check_space(Plan(manifest, tuple(missing), 0), cache)
            self._restore_bases({file.sha256 for file in missing}, holds, restore)
            with ReusePlanner(self._job) as planner:
                Engine(self._job, planner).run(missing)

    def _restore_bases(self, missing: set[str], holds: ExitStack, restore: Restore) -> None:
        """Take from the store what a delta needs, where the scratch cache does not have it any more."""
        cache = self._job.cache
        best: dict[str, tuple[BaseVersion, ManifestFile]] = {}
        for delta in sorted(self._job.manifest.deltas, key=lambda delta: delta.size, reverse=True):
            if delta.target in missing and (found := self._find(delta.base)):
                best[delta.target] = found
        for base, file in best.values():
            holds.enter_context(cache.held(base.manifest))
            if not cache.has_blob(file):
                with cache.scratch() as path, suppress(OSError, SharingError):
                    self._wait_for(restore(base, file, path))
                    if hash_file(path) == (file.size, file.sha256):
                        cache.publish_blob(path, file.sha256)
                self._job.connections.check()

    def _find(self, sha256: str) -> tuple[BaseVersion, ManifestFile] | None:
        for base in self._bases:
            for file in base.manifest.files:
                if file.sha256 == sha256 and base.has(file):
                    return base, file
        return None

    def _announce(self, sha256: str) -> None:
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, sha256)

    def _wait_for(self, work: Awaitable[T]) -> T:
        """Result of work in the event loop. Raises Interrupted once the fetch is stopped."""

        async def done() -> T:
            return await work

        result = asyncio.run_coroutine_threadsafe(done(), self._loop)
        while True:
            with suppress(TimeoutError):
                return result.result(timeout=1.0)
            if result.done():
                return result.result()
            if self._job.connections.stopped:
                result.cancel()
                self._job.connections.check()

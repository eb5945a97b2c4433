"""Reuse planner: what the cache has of a version's large files, in other versions of the same share.

Chunk maps say which chunks files have in common, and some versions come with XOR deltas, which make a file of
another one. What is wrong in them costs time, never a wrong byte, since each file is verified in the end: by
its sha256 or, if the provider signed the digests of its blocks, block by block. Only versions of the same
share are looked through: what is fetched and what is not tells a provider what is here, and what others sent
is none of its business.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Self

from model_sharing.downloads.job import Job
from model_sharing.downloads.part_file import part_bytes
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing.downloads.reassembly import CachedChunk, Reassembly, plan_reassembly
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing.settings import DeltaPolicy
from model_sharing_protocol.block_digests import BlockDigests, find_block_digests, is_available
from model_sharing_protocol.chunk_maps import ChunkMap, read_maps
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile

_MOST_BASES = 16
_MOST_CANDIDATES = 64
# A delta has to be worked off after it was fetched.
_WORTHWHILE = 0.75


class PlannedDelta(NamedTuple):
    """XOR delta to be fetched, and the cached file that it makes the wanted one of."""

    delta: ManifestFile
    base: ManifestFile


class ReusePlanner:
    """Planner of what need not be fetched of one job's large files.

    The versions that it takes contents from are held until its `with` block ends: nobody prunes them.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._cache = job.cache
        self._manifest = job.manifest
        self._base_versions: list[Manifest] = []
        self._holds = contextlib.ExitStack()
        self._fetching = threading.Lock()
        self._read_maps: Mapping[str, ChunkMap] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._holds.close()

    def reassemblies(self, missing: Sequence[ManifestFile]) -> Mapping[str, Reassembly]:
        """Plan reassemblies for the missing files that are partly in the cache, by sha256."""
        if not self._manifest.auxiliary_files or not self._hold_base_versions():
            return {}
        maps = self._maps()
        wanted = [chunks for file in missing if (chunks := _map_of(file, maps))]
        found = self._find({chunk.sha256 for chunks in wanted for chunk in chunks})
        reassemblies = {chunks.sha256: plan_reassembly(chunks, found) for chunks in wanted} if found else {}
        return {sha256: reassembly for sha256, reassembly in reassemblies.items() if reassembly.cached_bytes}

    def deltas(
        self, missing: Sequence[ManifestFile], reassemblies: Mapping[str, Reassembly]
    ) -> Mapping[str, PlannedDelta]:
        """Plan deltas that save clearly more bytes than these reassemblies, by their files' sha256.

        By the policy `fastest`, only those that make their files sooner, too.
        """
        if self._job.deltas is DeltaPolicy.NEVER:
            return {}
        here = {file.sha256: file for manifest in self._base_versions for file in manifest.files}
        wanted = {file.sha256: file for file in missing}
        found: dict[str, PlannedDelta] = {}
        for delta in sorted(self._manifest.deltas, key=lambda delta: delta.size, reverse=True):
            file, base = wanted.get(delta.target), here.get(delta.base)
            if file is None or base is None or delta.sha256 not in self._job.urls:
                continue
            whole = self.bytes_to_fetch(file, reassemblies.get(file.sha256))
            is_better = self._job.deltas is DeltaPolicy.SMALLEST or self._job.rates.is_delta_faster(
                delta.size, file.size, whole
            )
            if delta.size < _WORTHWHILE * whole and is_better and self._cache.has_blob(base):
                found[file.sha256] = PlannedDelta(delta.file, base)
        return found

    def bytes_to_fetch(self, file: ManifestFile, reassembly: Reassembly | None) -> int:
        """Bytes of a file that have to be fetched without a delta."""
        copied = reassembly.cached_bytes if reassembly else 0
        return file.size - max(copied, part_bytes(self._cache.part_path(file.sha256)))

    def map_of(self, file: ManifestFile) -> ChunkMap | None:
        """Chunk map of a file, if the provider gives one out."""
        return _map_of(file, self._maps())

    def blocks_of(self, file: ManifestFile) -> BlockDigests | None:
        """Signed block digests that prove a file; None where its sha256 has to be computed."""
        if not self._job.trusts_blocks or not is_available():
            return None
        return find_block_digests(self._maps(), file.sha256, file.size)

    def fetch_maps(self) -> None:
        """Fetch the chunk maps into the cache, for this version or later ones. That it fails does no harm."""
        with self._fetching:
            self._fetch_maps()

    def _fetch_maps(self) -> None:
        file = self._manifest.chunk_maps
        if file is None or file.sha256 not in self._job.urls or self._cache.has_blob(file):
            return
        transfer = Transfer(self._job.connections, self._job.urls)
        with (
            contextlib.suppress(SharingError, RangesIgnored, OSError, KeyError),
            self._cache.scratch() as path,
        ):
            with WholeFile(path, file.size, NoObserver()) as target:
                transfer.run(file, target, brief=True)
            if target.hexdigest() == file.sha256:
                self._cache.publish_blob(path, file.sha256)
        self._job.connections.check()

    def _maps(self) -> Mapping[str, ChunkMap]:
        self.fetch_maps()
        self._read_maps = self._read_maps or self._read(self._manifest)
        return self._read_maps

    def _read(self, manifest: Manifest) -> Mapping[str, ChunkMap]:
        """Chunk maps of a version, as far as they are in the cache."""
        file = manifest.chunk_maps
        if file is None or not self._cache.has_blob(file):
            return {}
        with contextlib.suppress(SharingError, OSError):
            content = self._cache.blob_path(file.sha256).read_bytes()
            if hashlib.sha256(content).hexdigest() == file.sha256:  # a signature may rest on it
                return read_maps(content)
        return {}

    def _hold_base_versions(self) -> bool:
        """Hold the likeliest versions that may be of use; True if there are any."""
        self._holds.close()
        self._base_versions.clear()
        for digest in islice(self._job.base_versions(), _MOST_CANDIDATES):
            if len(self._base_versions) == _MOST_BASES:
                break
            if digest == self._manifest.digest:
                continue
            with contextlib.ExitStack() as hold:
                version = hold.enter_context(self._cache.held_manifest(digest))
                if version is not None and self._is_useful(version):
                    self._base_versions.append(version)
                    self._holds.push(hold.pop_all())
        return bool(self._base_versions)

    def _is_useful(self, candidate: Manifest) -> bool:
        maps = candidate.chunk_maps
        if maps is not None and self._cache.has_blob(maps):
            return True
        bases = {delta.base for delta in self._manifest.deltas}
        return any(file.sha256 in bases for file in candidate.files)

    def _find(self, wanted: set[bytes]) -> Mapping[bytes, CachedChunk]:
        """Find the wanted chunks in the versions that are held."""
        found: dict[bytes, CachedChunk] = {}
        for manifest in self._base_versions:
            maps = self._read(manifest)
            for file in manifest.files:
                if chunks := _map_of(file, maps):
                    here = dict(_common(chunks, file, wanted))
                    if here and self._cache.has_blob(file):
                        found = here | found
                        wanted = wanted - here.keys()
            if not wanted:
                break
        return found


def _common(chunks: ChunkMap, base: ManifestFile, wanted: set[bytes]) -> Iterator[tuple[bytes, CachedChunk]]:
    for chunk in chunks:
        if chunk.sha256 in wanted:
            yield chunk.sha256, CachedChunk(base, chunk.start, chunk.end - chunk.start)


def _map_of(file: ManifestFile, maps: Mapping[str, ChunkMap]) -> ChunkMap | None:
    """Chunk map of a file, unless it is one of another size."""
    found = maps.get(file.sha256)
    return found if found is not None and found.size == file.size else None

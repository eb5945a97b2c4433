"""What the cache has of a version's large files, in other versions of the same share.

Chunk maps say which chunks files have in common, and some versions come with XOR deltas, which make a file of
another one. Both are the provider's word and not signed: what is wrong costs time, never a wrong byte, since
each file is hashed as a whole. Only versions of the same share are looked through: what is fetched and what
is not tells a provider what is here, and what others sent is none of its business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import part_bytes
from model_sharing.downloads.progress_observer import NoObserver
from model_sharing.downloads.reassembly import CachedChunk, Reassembly, plan_reassembly
from model_sharing.downloads.targets import WholeFile
from model_sharing.downloads.transfer.connections import Connections
from model_sharing.downloads.transfer.file_urls import FileUrls
from model_sharing.downloads.transfer.transfer import RangesIgnored, Transfer
from model_sharing_protocol.chunk_maps import ChunkMap, read_maps
from model_sharing_protocol.errors import SharingError
from model_sharing_protocol.manifest import Manifest, ManifestFile

_MOST_BASES = 16
_MOST_CANDIDATES = 64
# A delta has to be worked off after it was fetched.
_WORTHWHILE = 0.75


class PlannedDelta(NamedTuple):
    """An XOR delta to be fetched, and the file that it makes another one of, which is here."""

    delta: ManifestFile
    base: ManifestFile


class ReusePlanner:
    """Plans the large files of one version, `manifest`.

    `bases` gives the digests of versions whose files may resemble it, the likeliest first. Those that are
    used are held, so that nobody prunes them, until `release`.
    """

    def __init__(
        self,
        cache: Cache,
        connections: Connections,
        urls: FileUrls,
        manifest: Manifest,
        bases: Callable[[], Iterable[str]],
    ) -> None:
        self._cache = cache
        self._connections = connections
        self._transfer = Transfer(connections, urls)
        self._urls = urls
        self._manifest = manifest
        self._candidates = bases
        self._held: list[Manifest] = []

    def reassemblies(self, missing: Sequence[ManifestFile]) -> Mapping[str, Reassembly]:
        """Recipes for those of the missing files of which something is here, by sha256."""
        if not self._manifest.hints or not self._hold_base_versions():
            return {}
        maps = self._maps()
        wanted = [chunks for file in missing if (chunks := _map_of(file, maps))]
        found = self._find({chunk.sha256 for chunks in wanted for chunk in chunks})
        reassemblies = {chunks.sha256: plan_reassembly(chunks, found) for chunks in wanted} if found else {}
        return {sha256: reassembly for sha256, reassembly in reassemblies.items() if reassembly.cached_bytes}

    def deltas(
        self, missing: Sequence[ManifestFile], reassemblies: Mapping[str, Reassembly]
    ) -> Mapping[str, PlannedDelta]:
        """Deltas that save clearly more bytes than these reassemblies, by the sha256 of their files."""
        here = {file.sha256: file for manifest in self._held for file in manifest.files}
        wanted = {file.sha256: file for file in missing}
        found: dict[str, PlannedDelta] = {}
        for delta in sorted(self._manifest.deltas, key=lambda delta: delta.size, reverse=True):
            file, base = wanted.get(delta.target), here.get(delta.base)
            if file is None or base is None or delta.sha256 not in self._urls:
                continue
            most = _WORTHWHILE * self._to_fetch(file, reassemblies.get(file.sha256))
            if delta.size < most and self._cache.has_blob(base):
                found[file.sha256] = PlannedDelta(delta.file, base)
        return found

    def _to_fetch(self, file: ManifestFile, reassembly: Reassembly | None) -> int:
        """Bytes of a file that have to be fetched without a delta."""
        copied = reassembly.cached_bytes if reassembly else 0
        return file.size - max(copied, part_bytes(self._cache.part_path(file.sha256)))

    def map_of(self, file: ManifestFile) -> ChunkMap | None:
        """The chunk map of a file, if the provider gives one out."""
        return _map_of(file, self._maps())

    def fetch_maps(self) -> None:
        """Have the maps in the cache: to begin with, or for versions to come. That it fails does no harm."""
        file = self._manifest.chunk_maps
        if file is None or file.sha256 not in self._urls or self._cache.has_blob(file):
            return
        path = self._cache.temporary()
        with contextlib.suppress(SharingError, RangesIgnored, OSError, KeyError):
            with WholeFile(path, file.size, NoObserver()) as target:
                self._transfer.run(file, target, brief=True)
            if target.hexdigest() == file.sha256:
                self._cache.publish_blob(path, file.sha256)
        path.unlink(missing_ok=True)
        self._connections.check()

    def release(self) -> None:
        """Let go of the versions that were held."""
        while self._held:
            self._cache.release(self._held.pop().digest)

    def _maps(self) -> Mapping[str, ChunkMap]:
        self.fetch_maps()
        return self._read(self._manifest)

    def _read(self, manifest: Manifest) -> Mapping[str, ChunkMap]:
        """The maps of a version, as far as they are here."""
        file = manifest.chunk_maps
        if file is None or not self._cache.has_blob(file):
            return {}
        with contextlib.suppress(SharingError, OSError):
            return read_maps(self._cache.blob_path(file.sha256).read_bytes())
        return {}

    def _hold_base_versions(self) -> bool:
        self.release()
        for digest in islice(self._candidates(), _MOST_CANDIDATES):
            if len(self._held) == _MOST_BASES:
                break
            held = self._cache.hold(digest) if digest != self._manifest.digest else None
            if held is None:
                continue
            if self._is_useful(held):
                self._held.append(held)
            else:
                self._cache.release(digest)
        return bool(self._held)

    def _is_useful(self, candidate: Manifest) -> bool:
        maps = candidate.chunk_maps
        if maps is not None and self._cache.has_blob(maps):
            return True
        bases = {delta.base for delta in self._manifest.deltas}
        return any(file.sha256 in bases for file in candidate.files)

    def _find(self, wanted: set[bytes]) -> Mapping[bytes, CachedChunk]:
        """Where the wanted chunks are."""
        found: dict[bytes, CachedChunk] = {}
        for manifest in self._held:
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
    """The map of a file, unless it is one of another size."""
    found = maps.get(file.sha256)
    return found if found is not None and found.size == file.size else None

"""Reassembly plan of a large file: the segments to copy from the cache, and those to fetch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from model_sharing_protocol.chunk_maps import ChunkMap
from model_sharing_protocol.manifest import ManifestFile

# To fetch so few bytes along with their neighbours costs less than another request.
_SMALLEST_COPY_BYTES = 32 * 1024


class CachedChunk(NamedTuple):
    """Chunk in the cache: `size` bytes from `start` of the content of `base`."""

    base: ManifestFile
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of a file from `start` to before `end`: in `base` from `offset` on, or to be fetched."""

    start: int
    end: int
    base: ManifestFile | None = None
    offset: int = 0

    def is_continued_by(self, following: Segment) -> bool:
        """True if both can be merged into one segment."""
        end = self.offset + (self.end - self.start if self.base else 0)
        return following.base == self.base and following.offset == end


class Reassembly:
    """Plan of segments without gaps, from the first byte of a file to its last."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self._segments = tuple(_merged(segments))
        self._starts = [segment.start for segment in self._segments]

    def at(self, position: int) -> Segment:
        """Segment that has this byte."""
        return self._segments[bisect_right(self._starts, position) - 1]

    def is_cached(self, start: int, end: int) -> bool:
        """True if no byte from `start` to before `end` has to be fetched."""
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        return all(segment.base for segment in self._segments[first:last])

    @property
    def cached_bytes(self) -> int:
        """Number of bytes that need not be fetched."""
        return sum(segment.end - segment.start for segment in self._segments if segment.base)


def fetch_whole(file: ManifestFile) -> Reassembly:
    """Reassembly of a file of which nothing is known to be in the cache."""
    return Reassembly([Segment(0, file.size)])


def plan_reassembly(chunks: ChunkMap, found: Mapping[bytes, CachedChunk]) -> Reassembly:
    """Reassembly of the file that a chunk map is of, from the chunks that were `found` in the cache."""
    segments = []
    for chunk in chunks:
        here = found.get(chunk.sha256)
        if here is None or here.size != chunk.end - chunk.start:
            segments.append(Segment(chunk.start, chunk.end))
        else:
            segments.append(Segment(chunk.start, chunk.end, here.base, here.start))
    return Reassembly(_worthwhile(_merged(segments)))


def _merged(segments: Iterable[Segment]) -> list[Segment]:
    merged: list[Segment] = []
    for segment in segments:
        if merged and merged[-1].is_continued_by(segment):
            merged[-1] = Segment(merged[-1].start, segment.end, merged[-1].base, merged[-1].offset)
        else:
            merged.append(segment)
    return merged


def _worthwhile(segments: Iterable[Segment]) -> list[Segment]:
    """Segments with copies of a few bytes turned into fetches."""
    return [
        Segment(segment.start, segment.end) if segment.end - segment.start < _SMALLEST_COPY_BYTES else segment
        for segment in segments
    ]

"""How a large file is put together: which of its bytes are here, in other files, and which to fetch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from model_sharing_protocol.chunk_maps import ChunkMap
from model_sharing_protocol.manifest import ManifestFile

# To fetch so few bytes along with their neighbours costs less than another request.
_SMALLEST_COPY_BYTES = 32 * 1024


class Found(NamedTuple):
    """A chunk that is here: `size` bytes from `start` of the content of `base`."""

    base: ManifestFile
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of a file from `start` to before `end`: in `base` from `offset` on, or to be fetched."""

    start: int
    end: int
    base: ManifestFile | None = None
    offset: int = 0

    def goes_on_as(self, following: Piece) -> bool:
        """True if both are one piece."""
        end = self.offset + (self.end - self.start if self.base else 0)
        return following.base == self.base and following.offset == end


class Recipe:
    """Pieces without gaps, from the first byte of a file to its last."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = tuple(_merged(pieces))
        self._starts = [piece.start for piece in self._pieces]

    def at(self, position: int) -> Piece:
        """The piece that has this byte."""
        return self._pieces[bisect_right(self._starts, position) - 1]

    def is_here(self, start: int, end: int) -> bool:
        """True if no byte from `start` to before `end` has to be fetched."""
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        return all(piece.base for piece in self._pieces[first:last])

    @property
    def copied(self) -> int:
        """How many bytes need not be fetched."""
        return sum(piece.end - piece.start for piece in self._pieces if piece.base)


def fetch_all(file: ManifestFile) -> Recipe:
    """The recipe for a file of which nothing is known to be here."""
    return Recipe([Piece(0, file.size)])


def make_recipe(chunks: ChunkMap, found: Mapping[bytes, Found]) -> Recipe:
    """The recipe for the file that a map is of, by what was `found` of its chunks."""
    pieces = []
    for chunk in chunks:
        here = found.get(chunk.sha256)
        if here is None or here.size != chunk.end - chunk.start:
            pieces.append(Piece(chunk.start, chunk.end))
        else:
            pieces.append(Piece(chunk.start, chunk.end, here.base, here.start))
    return Recipe(_worthwhile(_merged(pieces)))


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if merged and merged[-1].goes_on_as(piece):
            merged[-1] = Piece(merged[-1].start, piece.end, merged[-1].base, merged[-1].offset)
        else:
            merged.append(piece)
    return merged


def _worthwhile(pieces: Iterable[Piece]) -> list[Piece]:
    """The same, but that copies of a few bytes are fetched."""
    return [
        Piece(piece.start, piece.end) if piece.end - piece.start < _SMALLEST_COPY_BYTES else piece
        for piece in pieces
    ]

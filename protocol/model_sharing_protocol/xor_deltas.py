"""XOR deltas: a large file as its compressed difference from another one, its base.

A full fine-tune changes every weight slightly, so that no chunk stays the same (`chunk_maps`). The sign,
exponent and upper bits of most weights do: XOR with the old weights leaves zeros there, which compress well
once the bytes of 16-bit numbers are separated, first all lower bytes, then all upper ones.

A delta is only a hint: it is not signed, and the resulting file is accepted only if its sha256 is the one in
the manifest.

    "model-sharing xor delta 1\\n"
    the size of the file (8 bytes), the position in the base that follows the head (8), the head's size (4)
    the head: the first bytes of the file, verbatim, such as the header of a safetensors file
    for each 4 MiB that follow the head (the last may be shorter), XORed with the bytes of the base
        the sizes of two zlib streams (4 bytes each): the bytes at even places, the bytes at odd places
        the two streams

Numbers are big-endian. The base is padded with zeros.

With NumPy and zlib-ng (the extra `fast`) a core restores three times as many bytes a second as without.
"""

from __future__ import annotations

import importlib.util
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from functools import cache
from typing import Any, BinaryIO, Protocol

from model_sharing_protocol.errors import CorruptArtifact

BLOCK_BYTES = 4 * 1024 * 1024
MAX_HEAD_BYTES = 16 * 1024 * 1024 + 8
"""Limit of the head: a safetensors header of 16 MiB, and its length."""

_MAGIC = b"model-sharing xor delta 1\n"
_START = struct.Struct(">QQI")
_STREAMS = struct.Struct(">II")
_PLANES = 2
_STREAM_OVERHEAD_BYTES = 1024
_AHEAD = 4
# In the bytes of weights only runs of zeros are worth finding.
_STRATEGY = zlib.Z_RLE


class ByteReader(Protocol):
    """Reader of bytes that may still be arriving."""

    def read(self, count: int, /) -> bytes:
        """Read so many bytes, fewer at the end alone."""


def write_start(size: int, head: bytes, base_start: int) -> bytes:
    """Header of the delta of a file of `size` bytes, up to its blocks."""
    return _MAGIC + _START.pack(size, base_start, len(head)) + head


def write_block(block: bytes, base: bytes) -> bytes:
    """Encode the next block of a file, up to `BLOCK_BYTES`, against as many bytes of the base."""
    mixed = _xor(block, base)
    streams = [_deflated(mixed[plane::_PLANES]) for plane in range(_PLANES)]
    return b"".join((_STREAMS.pack(*map(len, streams)), *streams))


def restore(delta: ByteReader, base: BinaryIO, size: int, threads: Executor) -> Iterator[bytes]:
    """Restore a file of `size` bytes from a delta and its base, block by block; `threads` decode ahead.

    What is here of a delta that is still arriving is restored. Raises CorruptArtifact as soon as the delta
    turns out to be invalid. Needs memory for the head and a few blocks only, whatever the delta contains.
    """
    if _exactly(delta, len(_MAGIC)) != _MAGIC:
        raise CorruptArtifact("This is not an XOR delta.")
    target_size, base_start, head = _START.unpack(_exactly(delta, _START.size))
    if target_size != size or head > min(size, MAX_HEAD_BYTES) or base_start >= 2**63:
        raise CorruptArtifact(
            f"The XOR delta is for a file of {target_size} bytes, not {size}, or its header is invalid."
        )
    yield _exactly(delta, head)
    base.seek(base_start)
    ahead: deque[Future[bytes]] = deque()
    for start in range(head, size, BLOCK_BYTES):
        length = min(BLOCK_BYTES, size - start)
        streams = _read_streams(delta, length)
        ahead.append(threads.submit(_read_block, streams, base.read(length), length))
        while ahead and (len(ahead) > _AHEAD or ahead[0].done()):
            yield ahead.popleft().result()
    if delta.read(1):
        raise CorruptArtifact("The XOR delta has bytes after the end of its file.")
    while ahead:
        yield ahead.popleft().result()


def _read_streams(delta: ByteReader, length: int) -> list[bytes]:
    """Read the two streams of a block of `length` bytes, within their limits."""
    sizes = _STREAMS.unpack(_exactly(delta, _STREAMS.size))
    if max(sizes) > length + _STREAM_OVERHEAD_BYTES:
        raise CorruptArtifact(f"The XOR delta has {sum(sizes)} compressed bytes for a block of {length}.")
    return [_exactly(delta, size) for size in sizes]


def _read_block(streams: list[bytes], base: bytes, length: int) -> bytes:
    planes = [_inflated(stream, len(range(plane, length, _PLANES))) for plane, stream in enumerate(streams)]
    if length % _PLANES == 0 and (numpy := _numpy()) is not None:
        even, odd = (numpy.frombuffer(plane, numpy.uint8) for plane in planes)
        mixed = odd.astype("<u2")
        mixed <<= 8
        mixed |= even
        mixed ^= numpy.frombuffer(base.ljust(length, b"\0"), "<u2")
        return bytes(mixed.tobytes())
    block = bytearray(length)
    for place, plane in enumerate(planes):
        block[place::_PLANES] = plane
    return _xor(block, base)


@cache
def _numpy() -> Any:
    """NumPy or None: not imported above, since that takes longer than all other imports of a load."""
    return importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None


@cache
def _zlib() -> Any:
    """Fastest zlib that is here; all read the same streams."""
    return importlib.import_module("zlib_ng.zlib_ng") if importlib.util.find_spec("zlib_ng") else zlib


def _xor(block: bytes | bytearray, base: bytes) -> bytes:
    """XOR of a block and its base; a base that ends earlier is padded with zeros."""
    mixed = int.from_bytes(block, "little") ^ int.from_bytes(base[: len(block)], "little")
    return mixed.to_bytes(len(block), "little")


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(strategy=_STRATEGY)
    return packer.compress(data) + packer.flush()


def _inflated(stream: bytes, size: int) -> bytes:
    """Decompress a stream to exactly `size` bytes, and never more."""
    unpacker = _zlib().decompressobj()
    try:
        data: bytes = unpacker.decompress(stream, size + 1)
    except _zlib().error as error:
        raise CorruptArtifact("The XOR delta cannot be decompressed.") from error
    if len(data) != size or not unpacker.eof or unpacker.unused_data:
        raise CorruptArtifact(f"A stream of the XOR delta does not decompress to {size} bytes.")
    return data


def _exactly(delta: ByteReader, count: int) -> bytes:
    data = delta.read(count)
    if len(data) != count:
        raise CorruptArtifact("The XOR delta ends too early.")
    return data

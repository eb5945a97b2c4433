"""Part file: a large file while it arrives, and how much of each of its ranges is there.

`….part` has the final size from the start; `….progress` holds one counter a range and is written
after the bytes it counts. Both are plain page-cache writes: they survive the process being killed at any
moment. After a power cut the counters may promise bytes that were lost; the digest over the whole file, or
those over its blocks, find that: one or the other is always computed, of all bytes.

All ranges of a file are of one length, which depends on its size and the number of connections: a middling
file keeps all of them busy, too. The counters say which it was, so that a file goes on as it began.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from model_sharing.filesystem.local_files import FULL, disk_usage, share_with_group, translated_disk_full
from model_sharing.filesystem.positioned_io import PositionedFile, read_at

RANGE_BYTES = 16 * 1024 * 1024
"""Longest range, and the size up to which a file is fetched as a whole."""
_LEAST_RANGE_BYTES = 1024 * 1024
_COPY_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct("<QQ")
_COUNTER = struct.Struct("<Q")


class _Progress(NamedTuple):
    """Progress of a file: the length of its ranges, and how many bytes of each are there."""

    range_bytes: int
    done: list[int]


def range_bytes(size: int, parallel: int) -> int:
    """Length of the ranges of a file that `parallel` connections fetch: whole MiB, 1 to 16."""
    share = -(-size // parallel)
    rounded = -(-share // _LEAST_RANGE_BYTES) * _LEAST_RANGE_BYTES
    return max(_LEAST_RANGE_BYTES, min(rounded, RANGE_BYTES))


class PartFile:
    """Part file of `size` bytes that several threads fill, each its own range.

    A new one has ranges for `parallel` connections.
    """

    def __init__(self, path: Path, size: int, parallel: int = 1) -> None:
        self.path = path
        self.size = size
        before = _read_progress(path, size)
        self._range_bytes = before.range_bytes if before else range_bytes(size, parallel)
        self._ranges = -(-size // self._range_bytes)
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._complete = 0
        self._done = before.done if before else [0] * self._ranges
        with translated_disk_full(path.parent):
            self._bytes = PositionedFile(path)
            self._bytes.resize(size)
            self._progress = PositionedFile(_progress_path(path))
            counters = b"".join(_COUNTER.pack(done) for done in self._done)
            for made in (path, _progress_path(path)):
                share_with_group(made)
            self._progress.write(_HEADER.pack(size, self._range_bytes) + counters, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files, without which Windows renames and deletes neither."""
        self._bytes.close()
        self._progress.close()

    @property
    def done(self) -> int:
        """Bytes that have arrived, in all ranges together."""
        return sum(self._done)

    def unfinished(self) -> Sequence[int]:
        """Numbers of the ranges that lack bytes."""
        return [index for index in range(self._ranges) if self._done[index] < self._length(index)]

    def all_ranges(self) -> Sequence[int]:
        """Numbers of the ranges."""
        return range(self._ranges)

    def start(self, index: int) -> int:
        """Offset of the range's first byte."""
        return index * self._range_bytes

    def next_byte(self, index: int) -> int:
        """Offset at which the range goes on."""
        return self.start(index) + self._done[index]

    def end(self, index: int) -> int:
        """Offset one past the range's last byte."""
        return self.start(index) + self._length(index)

    def append(self, index: int, data: memoryview) -> None:
        """Write the next bytes of a range. Only one thread may work on a range."""
        with translated_disk_full(self.path.parent):
            self._bytes.write(data, self.next_byte(index))
        self._advance(index, len(data))

    def _advance(self, index: int, count: int) -> None:
        done = self._done[index] + count
        self._progress.write(_COUNTER.pack(done), _HEADER.size + index * _COUNTER.size)
        with self._changed:
            self._done[index] = done
            self._changed.notify()

    def copy(self, index: int, source: int, offset: int, count: int) -> None:
        """Copy bytes of another file, open as `source`, to a range; fewer if it ends before."""
        while count > 0:
            with translated_disk_full(self.path.parent):
                copied = _copy(source, offset, self._bytes, self.next_byte(index), min(count, _COPY_BYTES))
            if copied == 0:
                return
            self._advance(index, copied)
            offset += copied
            count -= copied

    def overwrite(self, offset: int, data: memoryview) -> None:
        """Replace bytes that have arrived."""
        with translated_disk_full(self.path.parent):
            self._bytes.write(data, offset)

    def sha256(self, start: int, end: int) -> bytes:
        """Digest of the bytes from `start` to before `end`, which are all here."""
        digest = hashlib.sha256()
        while start < end and (data := self._bytes.read(min(_COPY_BYTES, end - start), start)):
            digest.update(data)
            start += len(data)
        return digest.digest()

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Read into the buffer from `offset` on; the number of bytes read."""
        return self._bytes.read_into(buffer, offset)

    def watch(self, future: Future[Any]) -> None:
        """Let `wait_beyond` raise what the future fails with."""
        if not future.cancelled() and (error := future.exception()) is not None:
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify()

    def wait_beyond(self, position: int) -> int:
        """Wait until the file is complete from its start to beyond `position`; the offset that it reached."""
        with self._changed:
            while True:
                if self._failure is not None:
                    raise self._failure
                while self._complete < self._ranges and self._is_complete(self._complete):
                    self._complete += 1
                index = self._complete
                ready = self.size if index == self._ranges else self.next_byte(index)
                if ready > position:
                    return ready
                self._changed.wait()

    def discard(self) -> None:
        """Delete the bytes and the counters."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.forget_progress()

    def forget_progress(self) -> None:
        """Delete the counters of what is complete."""
        _progress_path(self.path).unlink(missing_ok=True)

    def _is_complete(self, index: int) -> bool:
        return self._done[index] == self._length(index)

    def _length(self, index: int) -> int:
        return min(self._range_bytes, self.size - self.start(index))


def arrived_prefix(part: Path, size: int) -> int:
    """Bytes from the start of an unfinished file that have arrived without a gap; not verified."""
    progress = _read_progress(part, size)
    prefix = 0
    for done in progress.done if progress else ():
        prefix += done
        if progress and done < progress.range_bytes:
            break
    return prefix


def arrived_bytes(part: Path, size: int) -> int:
    """Bytes of an unfinished file that have arrived; not verified."""
    progress = _read_progress(part, size)
    return sum(progress.done) if progress else 0


def part_bytes(part: Path) -> int:
    """Disk space of an unfinished file."""
    try:
        return disk_usage(part.stat())
    except OSError:
        return 0


def _progress_path(part: Path) -> Path:
    return part.with_suffix(".progress")


def _read_progress(part: Path, size: int) -> _Progress | None:
    """Progress of a file; None if there is no part or it is not one of this file.

    The size is what somebody says: nothing is allocated for it.
    """
    try:
        data = _progress_path(part).read_bytes()
        there = part.stat().st_size == size
    except OSError:
        return None
    if not there or len(data) < _HEADER.size:
        return None
    found, length = _HEADER.unpack_from(data)
    if found != size or length % _LEAST_RANGE_BYTES or not 0 < length <= RANGE_BYTES:
        return None
    if len(data) != _HEADER.size + -(-size // length) * _COUNTER.size:
        return None
    done = [counter for (counter,) in _COUNTER.iter_unpack(data[_HEADER.size :])]
    fits = all(count <= min(length, size - i * length) for i, count in enumerate(done))
    return _Progress(length, done) if fits else None


def _copy(source: int, offset: int, target: PositionedFile, position: int, count: int) -> int:
    """Copy bytes, sharing blocks where the file system can; their number, 0 at the end of the source."""
    try:
        return os.copy_file_range(source, target.fileno(), count, offset, position)
    except (OSError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        data = read_at(source, count, offset)  # another file system, or one that does not know how
        target.write(data, position)
        return len(data)

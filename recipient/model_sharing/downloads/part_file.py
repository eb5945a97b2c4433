"""Part file: a large file while it arrives, and how much of each of its ranges is there.

`….part` has the final size from the start; `….progress` holds one counter a range and is written
after the bytes it counts. Both are plain page-cache writes: they survive the process being killed at any
moment. After a power cut the counters may promise bytes that were lost; the digest over the whole file, which
is always computed, finds that.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from model_sharing.filesystem.local_files import FULL, disk_usage, share_with_group, translated_disk_full
from model_sharing.filesystem.positioned_io import PositionedFile, read_at

RANGE_BYTES = 16 * 1024 * 1024
_COPY_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct("<QQ")
_COUNTER = struct.Struct("<Q")


class PartFile:
    """Part file of `size` bytes that several threads fill, each its own range."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self._ranges = -(-size // RANGE_BYTES)
        self._changed = threading.Condition()
        self._failure: BaseException | None = None
        self._complete = 0
        self._done = _read_progress(path, size, self._ranges) or [0] * self._ranges
        with translated_disk_full(path.parent):
            self._bytes = PositionedFile(path)
            self._bytes.resize(size)
            self._progress = PositionedFile(_progress_path(path))
            counters = b"".join(_COUNTER.pack(done) for done in self._done)
            for made in (path, _progress_path(path)):
                share_with_group(made)
            self._progress.write(_HEADER.pack(size, RANGE_BYTES) + counters, 0)

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

    def unfinished(self) -> list[int]:
        """Numbers of the ranges that lack bytes."""
        return [index for index in range(self._ranges) if self._done[index] < self._length(index)]

    def next_byte(self, index: int) -> int:
        """Offset at which the range goes on."""
        return index * RANGE_BYTES + self._done[index]

    def end(self, index: int) -> int:
        """Offset one past the range's last byte."""
        return index * RANGE_BYTES + self._length(index)

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
        return min(RANGE_BYTES, self.size - index * RANGE_BYTES)


def arrived_prefix(part: Path, size: int) -> int:
    """Bytes from the start of an unfinished file that have arrived without a gap; not verified."""
    prefix = 0
    for done in _read_progress(part, size, -(-size // RANGE_BYTES)) or ():
        prefix += done
        if done < RANGE_BYTES:
            break
    return prefix


def arrived_bytes(part: Path, size: int) -> int:
    """Bytes of an unfinished file that have arrived; not verified."""
    return sum(_read_progress(part, size, -(-size // RANGE_BYTES)) or ())


def part_bytes(part: Path) -> int:
    """Disk space of an unfinished file."""
    try:
        return disk_usage(part.stat())
    except OSError:
        return 0


def _progress_path(part: Path) -> Path:
    return part.with_suffix(".progress")


def _read_progress(part: Path, size: int, ranges: int) -> list[int] | None:
    """Progress counters of the ranges; None if there is no part or it is not one of this file.

    The size is what somebody says: nothing is allocated for it.
    """
    try:
        data = _progress_path(part).read_bytes()
        there = part.stat().st_size == size
    except OSError:
        return None
    if not there or len(data) != _HEADER.size + ranges * _COUNTER.size:
        return None
    if _HEADER.unpack_from(data) != (size, RANGE_BYTES):
        return None
    done = [counter for (counter,) in _COUNTER.iter_unpack(data[_HEADER.size :])]
    fits = all(count <= min(RANGE_BYTES, size - i * RANGE_BYTES) for i, count in enumerate(done))
    return done if fits else None


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

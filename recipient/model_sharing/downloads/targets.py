"""Transfer targets: a new file, a range of a part file, or bytes of one that came out wrong."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from model_sharing.downloads.block_verifier import BlockChecker
from model_sharing.downloads.joining_threads import WorkMeter
from model_sharing.downloads.part_file import PartFile
from model_sharing.downloads.progress_observer import FileProgress, ProgressObserver
from model_sharing.downloads.transfer.transfer import RangesIgnored
from model_sharing.filesystem.local_files import translated_disk_full


class WholeFile:
    """Target that is a new file, written and hashed from its start."""

    def __init__(self, path: Path, size: int, progress: ProgressObserver) -> None:
        self._path = path
        self._progress = progress
        self._digest = hashlib.sha256()
        self._file = path.open("wb", buffering=0)
        self.position = 0
        self.end = size

    def __enter__(self) -> WholeFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def accept(self, data: memoryview) -> None:
        """Write, hash and count the bytes that come next."""
        with translated_disk_full(self._path.parent):
            written = 0
            while written < len(data):
                written += os.write(self._file.fileno(), data[written:])
        self._digest.update(data)
        self.position += len(data)
        self._progress.advance(len(data))

    def restart(self) -> None:
        """Begin again at the first byte."""
        self._file.seek(0)
        self._digest = hashlib.sha256()
        self._progress.advance(-self.position)
        self.position = 0

    def hexdigest(self) -> str:
        """Digest of what was written."""
        return self._digest.hexdigest()


class FileRange:
    """Target that is one range of a part file, up to `end`.

    If they are there, `checker` checks its blocks, and `meter` is told of the work.
    """

    def __init__(
        self,
        part: PartFile,
        index: int,
        end: int,
        progress: FileProgress,
        *,
        checker: BlockChecker | None = None,
        meter: WorkMeter | None = None,
    ) -> None:
        self._part = part
        self._index = index
        self._progress = progress
        self._checker = checker
        self._meter = meter
        self.end = end

    @property
    def position(self) -> int:
        """Offset of the next byte wanted."""
        return self._part.next_byte(self._index)

    def accept(self, data: memoryview) -> None:
        """Write, check and count the bytes that come next."""
        self._part.append(self._index, data)
        if self._checker is not None:
            self._checker.take(data)
        if self._meter is not None:
            self._meter.lap()
        self._progress.advance(len(data))

    def restart(self) -> None:
        """Raise RangesIgnored: a range cannot begin at the file's start."""
        raise RangesIgnored


class Patch:
    """Target that is bytes of a part file that were there and wrong."""

    def __init__(self, part: PartFile, start: int, end: int) -> None:
        self._part = part
        self.position = start
        self.end = end

    def accept(self, data: memoryview) -> None:
        """Replace the bytes that come next."""
        self._part.overwrite(self.position, data)
        self.position += len(data)

    def restart(self) -> None:
        """Raise RangesIgnored: a range cannot begin at the file's start."""
        raise RangesIgnored

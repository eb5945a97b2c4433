"""Packs of small files, by one request: a request each would cost more than their bytes.

A pack's answer is its files' bytes, one after the other; sizes and digests are the manifest's. Each file is
verified as it arrives and becomes a blob at once, so what a pack has brought survives whatever happens to the
rest of it. What it brings damaged, or not at all, is left to be fetched one by one.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from model_sharing.downloads.job import Job
from model_sharing.downloads.joining_threads import WorkMeter
from model_sharing.downloads.transfer.file_urls import PACK
from model_sharing.downloads.transfer.transfer import RetryState, Transfer, TransferFailure
from model_sharing_protocol.errors import ServerUnreachable
from model_sharing_protocol.manifest import PACKED_FILE_BYTES, PACKED_FILES, ManifestFile
from model_sharing_protocol.open_sharing import PackRequest

_PACK_BYTES = 16 * 1024 * 1024
_LEAST_FILES = 4


def packable(files: Sequence[ManifestFile]) -> list[ManifestFile]:
    """Files that are small enough for a pack; none if a pack is not worth it."""
    small = [file for file in files if file.size <= PACKED_FILE_BYTES]
    return small if len(small) >= _LEAST_FILES else []


def make_packs(files: Sequence[ManifestFile], jobs: int) -> Iterator[list[ManifestFile]]:
    """Files in packs of up to 16 MiB, small enough that all of the connections have something to do."""
    most = min(PACKED_FILES, max(_LEAST_FILES, -(-len(files) // jobs)))
    pack: list[ManifestFile] = []
    size = 0
    for file in files:
        if pack and (len(pack) == most or size + file.size > _PACK_BYTES):
            yield pack
            pack, size = [], 0
        pack.append(file)
        size += file.size
    if pack:
        yield pack


class PackFetcher:
    """Fetches packs into a cache's blobs."""

    def __init__(self, job: Job, transfer: Transfer) -> None:
        self._job = job
        self._connections = job.connections
        self._transfer = transfer

    def fetch(
        self, files: Sequence[ManifestFile], meter: WorkMeter
    ) -> tuple[Sequence[ManifestFile], Sequence[ManifestFile]]:
        """Fetch a pack of these files, in order; those that came damaged, and those that did not come.

        The `meter` is told of the work.
        """
        pack = _Pack(files, meter)
        try:
            self._transfer.retry(pack, f"{len(files)} files", partial(self._attempt, pack), brief=True)
        except (ServerUnreachable, _Refused):
            self._connections.check()
        return pack.damaged, pack.missing

    def _attempt(self, pack: _Pack, state: RetryState) -> None:
        question = msgspec.json.encode(PackRequest(tuple(file.sha256 for file in pack.missing)))

        def ask(url: str) -> http.client.HTTPResponse:
            return self._connections.post(url, question)

        with self._transfer.open_response(PACK, "a pack of files", state, ask) as response:
            if response.status != 200 or response.length != sum(file.size for file in pack.missing):
                raise _Refused
            for file, content in self._receive(response, pack):
                if hashlib.sha256(content).hexdigest() != file.sha256:
                    pack.damaged.append(file)
                else:
                    self._job.cache.add_blob(content, file.sha256)
                    self._job.progress.advance(file.size)
                    self._job.progress.file_done()
                pack.arrived(file)

    def _receive(
        self, response: http.client.HTTPResponse, pack: _Pack
    ) -> Iterator[tuple[ManifestFile, memoryview]]:
        """Receive the missing files, many by one read; a content is there until the next is asked for."""
        buffer = self._connections.buffer()
        if any(file.size > len(buffer) for file in pack.missing):  # larger than what is read at once
            buffer = memoryview(bytearray(PACKED_FILE_BYTES))
        begin = end = 0
        for file in pack.missing:
            while end - begin < file.size:
                buffer[: end - begin] = buffer[begin:end]
                begin, end = 0, end - begin
                pack.meter.lap()
                count = self._connections.receive(response, buffer[end:])
                if count == 0:
                    raise TransferFailure("the connection ended early")
                end += count
            yield file, buffer[begin : begin + file.size]
            begin += file.size


class _Refused(Exception):
    """Pack refused: the server has another idea of packs, or of what is in this one."""


class _Pack:
    """Pack in transfer. `position` counts the bytes of files that have arrived whole: intact or `damaged`."""

    def __init__(self, files: Sequence[ManifestFile], meter: WorkMeter) -> None:
        self._files = files
        self.meter = meter
        self._arrived = 0
        self.position = 0
        self.damaged: list[ManifestFile] = []

    @property
    def missing(self) -> Sequence[ManifestFile]:
        """Files that have not arrived yet."""
        return self._files[self._arrived :]

    def arrived(self, file: ManifestFile) -> None:
        """Note that the first of the missing files is here."""
        self._arrived += 1
        self.position += file.size

"""Block verifier: checks the bytes of a large file against its block digests, wherever they come from.

Each range of the file has its own checker, for the thread that fills it: it hashes the bytes that were just
received, which are in the processor's cache, and reads back those that were copied, or had come before. What
an earlier process left is read again, all of it: nothing else would find what a power cut took, or what
somebody changed since.
"""

from __future__ import annotations

from model_sharing.downloads.part_file import PartFile
from model_sharing_protocol.block_digests import BLOCK_BYTES, BlockDigests, BlockHasher
from model_sharing_protocol.chunk_maps import Chunk


class BlockVerifier:
    """Verifier of one part file: each of its blocks is wrong until it turned out to be right."""

    def __init__(self, part: PartFile, blocks: BlockDigests) -> None:
        self.part = part
        self._blocks = blocks
        self._right = bytearray(len(blocks))  # a byte each, so that threads need no lock

    def wrong(self) -> list[Chunk]:
        """Blocks that are not what they should be, or were not checked, in the order of the file."""
        return [self._blocks.block(index) for index, right in enumerate(self._right) if not right]

    def check(self, index: int, digest: bytes) -> None:
        """Check the digest of a block."""
        self._right[index] = digest == self._blocks.block(index).sha256

    def recheck(self, blocks: list[Chunk]) -> None:
        """Check blocks that were replaced in the file."""
        for block in blocks:
            BlockChecker(self, block.start).catch_up(block.end)


class BlockChecker:
    """Checker of bytes in their order, from the start of a block on. For one thread."""

    def __init__(self, verifier: BlockVerifier, start: int) -> None:
        self._verifier = verifier
        self._hasher = BlockHasher()
        self._position = start

    def take(self, data: memoryview) -> None:
        """Check the next bytes."""
        index = self._position // BLOCK_BYTES
        complete = self._hasher.update(data)
        self._position += len(data)
        if self._position == self._verifier.part.size and self._position % BLOCK_BYTES:
            complete.append(self._hasher.finish())
        for number, digest in enumerate(complete, index):
            self._verifier.check(number, digest)

    def catch_up(self, end: int) -> None:
        """Read from the file what is before `end` and was not checked yet."""
        if self._position >= end:
            return
        buffer = memoryview(bytearray(BLOCK_BYTES))
        while self._position < end:
            wanted = buffer[: min(len(buffer), end - self._position)]
            count = self._verifier.part.read_into(wanted, self._position)
            if count == 0:
                return  # somebody cut the file: what is missing stays wrong
            self.take(buffer[:count])

"""Header cursor: bounded reads, from front to back, of a file that may lie far away and may be hostile."""

from __future__ import annotations

from collections.abc import Callable

from model_sharing_protocol.errors import InvalidModel

Read = Callable[[int, int], bytes]
"""Reader of a file: up to `length` bytes from `offset`; none only at the end of the file."""

_LEAST_BYTES = 64 * 1024
_MOST_BYTES = 1024 * 1024
_VARINT_BYTES = 10
_LARGEST_VARINT = 2**64 - 1


class HeaderCursor:
    """Cursor over the header of a file of `size` bytes; `kind` is the file's, for messages.

    It reads ahead, since each read may be a request to an object store. At most `limit` bytes are taken, so
    that no header needs more memory than that; what is skipped does not count.
    """

    def __init__(self, read: Read, size: int, *, limit: int, kind: str) -> None:
        self.size = size
        self.position = 0
        self._read = read
        self._left = limit
        self._limit = limit
        self._kind = kind
        self._block = b""
        self._block_start = 0
        self._ahead = _LEAST_BYTES

    def invalid(self, problem: str) -> InvalidModel:
        """Error to raise: the file `problem`, such as "has no tensors"."""
        return InvalidModel(f"The {self._kind} file {problem}.")

    def skip(self, count: int) -> None:
        """Go on without these bytes. Raises InvalidModel if the file ends before."""
        if count > self.size - self.position:
            raise self.invalid(f"ends before byte {self.position + count}, within what its header announces")
        self.position += count

    def take(self, count: int) -> bytes:
        """Take the next bytes. Raises InvalidModel if the file ends before, or beyond the limit."""
        start = self.position - self._block_start
        if not 0 <= start <= len(self._block) - count:
            self._fetch(count)
            start = 0
        self.position += count
        self._left -= count
        if self._left < 0:
            raise self.invalid(f"has a header of more than {self._limit} bytes")
        return self._block[start : start + count]

    def unsigned(self, size: int) -> int:
        """Take an unsigned little-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """Take a number in the variable-length encoding of protobuf."""
        value = 0
        for place in range(_VARINT_BYTES):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value & _LARGEST_VARINT
        raise self.invalid(f"has a number of more than {_VARINT_BYTES} bytes at byte {self.position}")

    def _fetch(self, count: int) -> None:
        if count > self._left:
            raise self.invalid(f"has a header of more than {self._limit} bytes")
        if count > self.size - self.position:
            raise self.invalid(f"ends before byte {self.position + count}, within what its header announces")
        goes_on = self._block_start <= self.position <= self._block_start + len(self._block)
        self._ahead = min(2 * self._ahead, _MOST_BYTES) if goes_on else _LEAST_BYTES
        wanted = min(max(count, self._ahead), self.size - self.position)
        block = bytearray()
        while len(block) < count:
            piece = self._read(self.position + len(block), wanted - len(block))
            if not piece:
                raise self.invalid(f"ends at byte {self.position + len(block)}, within its header")
            block += piece
        self._block = bytes(block)
        self._block_start = self.position

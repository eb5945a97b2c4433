"""UBJSON reader, for the subset that XGBoost writes; where it and another reader could differ, it refuses."""

from __future__ import annotations

import struct
from typing import Any

_MAX_DEPTH = 64
_INTEGERS = {"i": "b", "U": "B", "I": "h", "l": "i", "L": "q"}
_NUMBERS = _INTEGERS | {"d": "f", "D": "d"}
_CONSTANTS = {"Z": None, "T": True, "F": False}


def loads(data: bytes) -> Any:
    """Parse the one value in `data`. Raises ValueError if there is anything else."""
    reader = _Reader(data)
    try:
        value = reader.value(reader.marker(), 0)
    except struct.error as error:
        raise ValueError("it ends early") from error
    if reader.position != len(data):
        raise ValueError("something follows its end")
    return value


class _Reader:
    """Reader of one text, from its first byte on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def marker(self) -> str:
        """Next type marker."""
        (byte,) = struct.unpack_from("c", self.data, self.position)
        self.position += 1
        return str(byte, "latin-1")

    def value(self, marker: str, depth: int) -> Any:
        """Next value, of the type that the marker names."""
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        if marker == "{":
            return self._object(depth)
        if marker == "[":
            return self._array(depth)
        if marker == "S":
            return self._text()
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        return self._numbers(marker, 1)[0]

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.position : self.position + 1] != b"}":
            key = self._text()
            if key in found:
                raise ValueError(f"the key {key[:80]!r} is there twice")
            found[key] = self.value(self.marker(), depth + 1)
        self.position += 1
        return found

    def _array(self, depth: int) -> list[Any]:
        kind = marker = self.marker()
        if marker == "$":
            kind, marker = self.marker(), self.marker()
            if marker != "#":
                raise ValueError("an array has a type and no length")
            return self._numbers(kind, self._length())
        if marker == "#":
            return [self.value(self.marker(), depth + 1) for _ in range(self._length())]
        found = []
        while marker != "]":
            found.append(self.value(marker, depth + 1))
            marker = self.marker()
        return found

    def _numbers(self, kind: str, count: int) -> list[Any]:
        if kind not in _NUMBERS:
            raise ValueError(f"the type {kind!r} is not one that XGBoost writes")
        form = _NUMBERS[kind]
        if count > len(self.data) // struct.calcsize(form):
            raise ValueError("an array is longer than the file")
        layout = struct.Struct(f">{count}{form}")
        found = list(layout.unpack_from(self.data, self.position))
        self.position += layout.size
        return found

    def _length(self) -> int:
        kind = self.marker()
        length = self._numbers(kind, 1)[0] if kind in _INTEGERS else -1
        if length < 0:
            raise ValueError("a length is not a whole number")
        return int(length)

    def _text(self) -> str:
        length = self._length()
        text = self.data[self.position : self.position + length]
        if len(text) < length:
            raise ValueError("it ends early")
        self.position += length
        return text.decode()

"""Protobuf walk: fields of a message in a file, visited without the library and without a schema.

Fields that nobody asks for are skipped unread, such as the weights in an ONNX file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from model_sharing_protocol.errors import InvalidModel
from model_sharing_protocol.weights.header_cursor import HeaderCursor, Read

MAX_TAKEN_BYTES = 64 * 1024 * 1024
"""Bytes of names, shapes and the like that are read of one file, at most."""

_MOST_FIELDS = 3_000_000
_MOST_DEPTH = 64
_MOST_TEXT_BYTES = 64 * 1024
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """Field of a message: its number, and its value, or the position where the bytes of its value end."""

    number: int
    has_bytes: bool
    value: int


class ProtobufWalk:
    """Walk over the messages of one file of `size` bytes; `kind` is the file's, for messages.

    Raises InvalidModel for what is not protobuf, for messages more than 64 deep, and for more than 3 million
    fields.
    """

    def __init__(self, read: Read, size: int, *, kind: str) -> None:
        self._cursor = HeaderCursor(read, size, limit=MAX_TAKEN_BYTES, kind=kind)
        self._fields_left = _MOST_FIELDS
        self._depth = 0

    def whole_file(self) -> Iterator[Field]:
        """Fields of the message that the file is."""
        return self.fields(Field(0, True, self._cursor.size))

    def fields(self, message: Field) -> Iterator[Field]:
        """Fields of a message, from the position of the walk. What the caller does not read is skipped."""
        cursor, end = self._cursor, self._end(message)
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise cursor.invalid(f"has messages in messages, more than {_MOST_DEPTH} deep")
        while cursor.position < end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise cursor.invalid(f"has more than {_MOST_FIELDS} fields")
            field = self._next_field()
            if max(cursor.position, field.value if field.has_bytes else 0) > end:
                raise cursor.invalid(f"has a field that ends beyond its message, at byte {cursor.position}")
            yield field
            if field.has_bytes:
                cursor.position = field.value
        self._depth -= 1

    def text(self, field: Field) -> str:
        """Text of a field, of at most 64 KiB."""
        length = self._end(field) - self._cursor.position
        if length > _MOST_TEXT_BYTES:
            raise self._cursor.invalid(
                f"has a name of {length} bytes; at most {_MOST_TEXT_BYTES} are allowed"
            )
        return self._cursor.take(length).decode(errors="replace")

    def numbers(self, field: Field) -> list[int]:
        """Numbers of a repeated field, which may be packed into one."""
        if not field.has_bytes:
            return [field.value]
        if field.value - self._cursor.position > _MOST_TEXT_BYTES:
            raise self._cursor.invalid("has a shape of more than 64 KiB")
        found = []
        while self._cursor.position < field.value:
            found.append(self._cursor.varint())
        return found

    def invalid(self, problem: str) -> InvalidModel:
        """Error to raise: the file `problem`."""
        return self._cursor.invalid(problem)

    def _end(self, field: Field) -> int:
        if not field.has_bytes:
            raise self._cursor.invalid(
                f"has a number where a message or text belongs, at byte {self._cursor.position}"
            )
        return field.value

    def _next_field(self) -> Field:
        cursor = self._cursor
        tag = cursor.varint()
        number, wire_type = tag >> 3, tag & 7
        if not number or wire_type not in (_VARINT, _FIXED64, _LENGTH, _FIXED32):
            raise cursor.invalid(f"is not protobuf: byte {cursor.position} does not begin a field")
        if wire_type == _VARINT:
            return Field(number, False, cursor.varint())
        if wire_type in (_FIXED64, _FIXED32):
            return Field(number, False, cursor.unsigned(8 if wire_type == _FIXED64 else 4))
        length = cursor.varint()
        if length > cursor.size - cursor.position:
            raise cursor.invalid(f"ends within a field of {length} bytes at byte {cursor.position}")
        return Field(number, True, cursor.position + length)

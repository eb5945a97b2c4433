"""Text files that people edit, on any system: decoded by their byte order mark, else as UTF-8.

Editors on Windows write such a mark before UTF-8, and save as UTF-16 when asked for "Unicode".
"""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def has_mark(data: bytes) -> bool:
    """True if the data begins with a byte order mark."""
    return data.startswith(tuple(mark for mark, _ in _MARKS))


def decode_text(data: bytes, errors: str = "strict") -> str:
    """Decode a file's bytes to text without the mark, lines ended by `\\n`. Raises UnicodeDecodeError."""
    encoding = "utf-8"
    for mark, marked in _MARKS:
        if data.startswith(mark):
            data, encoding = data.removeprefix(mark), marked
            break
    return data.decode(encoding, errors).replace("\r\n", "\n")

"""Text files as editors of all systems write them mean the same everywhere."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.text_files import decode_text, has_mark

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\ufeff"))
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("encoding", MARKED)
@given(text=TEXT)
def test_a_mark_says_how_to_read_what_follows(encoding: str, text: str) -> None:
    written = MARKED[encoding] + text.replace("\n", "\r\n").encode(encoding)
    if encoding == "utf-16-le" and text.startswith("\0"):
        return  # which begins as UTF-32 does
    assert has_mark(written)
    assert decode_text(written) == text


@given(TEXT)
def test_without_a_mark_it_is_utf_8(text: str) -> None:
    assert not has_mark(text.encode())
    assert decode_text(text.encode()) == text


def test_what_is_no_text_is_an_error() -> None:
    for data in (b"\xff", codecs.BOM_UTF16_LE + b"\0", codecs.BOM_UTF32_BE + b"abc"):
        with pytest.raises(UnicodeDecodeError):
            decode_text(data)

"""Text of others is made safe to show: nothing hidden is left, the rest stays, JSON means the same."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from model_sharing_protocol.console import output
from model_sharing_protocol.console.command_line import guard_terminal
from model_sharing_protocol.console.progress_bar import transfer_progress
from model_sharing_protocol.errors import NotFound, SharingWarning
from model_sharing_protocol.printable import printable, printable_json, printable_lines
from support.hostile_input.terminal_text import HOSTILE, unsafe_in

# All of Unicode, and more often than that what this is about; a surrogate alone, never two that make a pair.
ANY_TEXT = st.text(st.one_of(st.characters(), st.sampled_from(HOSTILE)))
WITH_A_SURROGATE = st.builds(
    lambda before, alone, after: f"{before}{alone} {after}",
    ANY_TEXT,
    st.sampled_from("\ud83d\ude00\udcff"),
    ANY_TEXT,
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT
    | WITH_A_SURROGATE,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


def _printed(show: Callable[[], object]) -> str:
    """Standard output of a call, as a pipe would get it."""
    written = io.BytesIO()
    before, sys.stdout = sys.stdout, io.TextIOWrapper(written, encoding="utf-8")
    try:
        show()
        sys.stdout.flush()
    finally:
        sys.stdout = before
    return written.getvalue().decode()


@settings(max_examples=50, deadline=None)
@given(st.one_of(ANY_TEXT, WITH_A_SURROGATE))
def test_nothing_hidden_is_left_and_one_line_stays_one(text: str) -> None:
    shown = printable(text)
    assert unsafe_in(shown) == set()
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    in_lines = printable_lines(text)
    assert unsafe_in(in_lines) == set()
    assert len(in_lines.split("\n")) == text.replace("\r\n", "\n").count("\n") + 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 5 µm, 模型 🌸 عربي", "Größe 5 µm, 模型 🌸 عربي"),
        ("\u3000wide and\xa0not to be broken", "\u3000wide and\xa0not to be broken"),
        (r"C:\models\x1b", r"C:\models\x1b"),
        ("a\x1bb\x9bc\u202ed\U000e0041e", r"a\x1bb\x9bc\u202ed\U000e0041e"),
        ("two\r\nlines\tand\x0bmore", r"two  lines and\x0bmore"),
        ("x\U000e0159\u3164\u2800y\u034f", r"x\U000e0159\u3164\u2800y\u034f"),
        ("\u2764\ufe0f \u263a\ufe0e", "\u2764\ufe0f \u263a\ufe0e"),
        ("x\ufe0f\ufe0e\ufe0f \ufe01", "x\ufe0f\\ufe0e\\ufe0f \\ufe01"),
        (b"not \xff UTF-8".decode(errors="surrogateescape"), r"not \udcff UTF-8"),
    ],
)
def test_what_is_to_be_seen_stays_and_the_rest_is_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@settings(max_examples=50, deadline=None)
@given(JSON_VALUES)
def test_json_has_nothing_hidden_and_means_the_same(value: Any) -> None:
    printed = _printed(lambda: output.print_json(value))
    assert unsafe_in(printed) == set()
    assert json.loads(printed) == value


def test_json_writes_what_lies_beyond_as_pairs_of_surrogates() -> None:
    assert printable_json('"\U000e0041 🌸"') == r'"\udb40\udc41 🌸"'
    assert json.loads(printable_json('"\U000e0041 🌸"')) == "\U000e0041 🌸"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(ANY_TEXT, WITH_A_SURROGATE), min_size=1, max_size=4))
def test_a_cell_can_neither_forge_a_row_nor_command_the_terminal(rows: list[tuple[str, str]]) -> None:
    printed = _printed(lambda: output.print_table(["name", "comment"], rows))
    assert unsafe_in(printed) == set()
    assert printed.count("\n") == len(printed.splitlines()) == len(rows) + 1
    fields = [("name", "iris"), *(("comment", cell) for _, cell in rows)]
    printed = _printed(lambda: output.print_fields(fields))
    assert unsafe_in(printed) == set()
    assert printed.count("\n") == len(fields)


def test_cells_are_no_markup_and_are_not_folded_in_a_pipe() -> None:
    rows = [("[red]x[/red] :smile:", "long " * 5000 + "end")]
    head, row = _printed(lambda: output.print_table(["name", "comment"], rows)).splitlines()
    assert head.split() == ["NAME", "COMMENT"]
    assert row == "  ".join(rows[0])


def test_what_python_prints_is_printable_too(capsys: pytest.CaptureFixture[str]) -> None:
    warned, excepthook, last_resort = warnings.showwarning, sys.excepthook, logging.lastResort
    assert last_resort is not None
    formatter = last_resort.formatter
    try:
        with warnings.catch_warnings():
            guard_terminal()
            warnings.warn(HOSTILE, SharingWarning, stacklevel=1)
            try:
                raise ValueError(HOSTILE)
            except ValueError as error:
                sys.excepthook(type(error), error, error.__traceback__)
        logged = last_resort.format(logging.makeLogRecord({"msg": "%s", "args": (HOSTILE,)}))
    finally:
        warnings.showwarning, sys.excepthook = warned, excepthook
        last_resort.setFormatter(formatter)
    said = capsys.readouterr().err
    assert said.startswith(r"warning: \x1b]0;owned\x07")
    assert "ValueError: \\x1b" in said
    assert unsafe_in(said + logged) == set()
    assert (
        unsafe_in(str(NotFound(HOSTILE)) + NotFound(HOSTILE).message + str(SharingWarning(HOSTILE))) == set()
    )


def test_a_bar_is_named_by_text_and_not_by_markup() -> None:
    screen = io.StringIO()
    with transfer_progress(console=Console(file=screen, force_terminal=True, width=400)) as progress:
        progress.add_task(HOSTILE, total=1)
    drawn = screen.getvalue()
    assert r"\x1b]0;owned\x07" in drawn
    assert "[red]x[bold][link=http:127.0.0.1]" in drawn
    assert unsafe_in(drawn) <= {"\x1b", "\r"}  # rich's own
    assert "\x1b]" not in drawn

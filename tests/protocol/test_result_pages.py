"""Pages of a long list are shown as they come, and together are what the whole list would be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from model_sharing_protocol.console.results import Record, show_list, show_pages

RECORDS = [{"name": f"model_{number}", "comment": "é" * (number % 3)} for number in range(7)]
COLUMNS = ["name", "comment"]


def pages(*sizes: int) -> Iterator[Sequence[Record]]:
    at = 0
    for size in sizes:
        yield RECORDS[at : at + size]
        at += size


@pytest.mark.parametrize("sizes", [(7,), (3, 3, 1), (0, 3, 0, 4, 0)])
@pytest.mark.parametrize("output", ["table", "json"])
def test_pages_together_are_the_list(
    capsys: pytest.CaptureFixture[str], sizes: tuple[int, ...], output: str
) -> None:
    show_list(RECORDS, COLUMNS, output)
    whole = capsys.readouterr().out
    show_pages(pages(*sizes), COLUMNS, output)
    assert capsys.readouterr().out == whole
    if output == "json":
        assert json.loads(whole) == RECORDS
    else:
        assert whole.splitlines()[:2] == ["NAME     COMMENT", "model_0"]


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_page_is_shown_before_the_next_is_asked_for(
    capsys: pytest.CaptureFixture[str], output: str
) -> None:
    shown = []

    def watched() -> Iterator[Sequence[Record]]:
        for page in pages(3, 4):
            yield page
            shown.append(capsys.readouterr().out)

    show_pages(watched(), COLUMNS, output)
    assert "model_2" in shown[0]
    assert "model_3" in shown[1]


def test_no_page_at_all_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    show_pages(iter(()), COLUMNS, "json")
    assert json.loads(capsys.readouterr().out) == []
    show_pages(iter([[]]), COLUMNS, "table", empty="Nothing is here.")
    assert capsys.readouterr() == ("", "Nothing is here.\n")

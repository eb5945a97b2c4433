"""Tables in text: folded to a terminal's width, complete elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len

from model_sharing_protocol.printable import printable

if TYPE_CHECKING:
    from rich.table import Table

_GAP = "  "
_WIDER_THAN_ANY_ROW = 1_000_000_000


class TablePrinter:
    """Table that is printed page by page, in columns as wide as its first page needs.

    Rich renders what has to be folded, which takes a quarter of a millisecond a row; nothing else needs it.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = [printable(title.upper()) for title in titles]
        self._widths: list[int] = []

    def print_page(self, rows: Sequence[Sequence[str]]) -> None:
        """Print rows, below the titles if they are the first."""
        cells = [[printable(cell) for cell in row] for row in rows]
        first = not self._widths
        if first:
            columns = zip(self._titles, *cells, strict=True)
            self._widths = [max(map(cell_len, column)) for column in columns]
        if sys.stdout.isatty() and self._is_too_wide(cells):
            self._print_folded(cells)
            return
        if first:
            _print_titles(self._line(self._titles))
        if cells:
            click.echo("\n".join(map(self._line, cells)))

    def _line(self, cells: Sequence[str]) -> str:
        return _GAP.join(map(_padded, cells, self._widths)).rstrip(" ")

    def _is_too_wide(self, rows: Sequence[Sequence[str]]) -> bool:
        width = shutil.get_terminal_size().columns
        return any(cell_len(self._line(row)) > width for row in (self._titles, *rows))

    def _print_folded(self, rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table  # noqa: PLC0415 - slow to import, and few tables are folded
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in self._titles:
            table.add_column(Text(title), overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        print_rich_table(table)


def _padded(cell: str, width: int) -> str:
    return cell.ljust(width) if cell.isascii() else cell + " " * (width - cell_len(cell))


def _print_titles(line: str) -> None:
    if sys.stdout.isatty():
        # Rich knows which terminals show bold letters.
        from rich.console import Console  # noqa: PLC0415 - slow to import
        from rich.text import Text  # noqa: PLC0415

        Console(highlight=False).print(Text(line, style="bold"), soft_wrap=True)
    else:
        click.echo(line)


def print_rich_table(table: Table) -> None:
    """Print a table that Rich lays out."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    # A pipe has no width: nothing is folded for it, no line is padded, and nothing is bold.
    console = Console(width=_WIDER_THAN_ANY_ROW, color_system=None)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip(" ") for line in printed.get().rstrip("\n").split("\n")))

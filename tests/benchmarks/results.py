"""Results of benchmarks, kept in one file: rows of the table of targets, and panels of the README's plot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from rich.table import Table
from side_by_side import console, machine

KEPT = Path(__file__).parents[2] / "docs" / "benchmarks.json"


class Panel(msgspec.Struct):
    """`values` are in `unit`, less is better, by contender."""

    title: str
    unit: str
    values: dict[str, float]


class Row(msgspec.Struct, frozen=True):
    """Figure against its target. Use `at_least` and `at_most`, which say what is better.

    `unit` is "x" for a ratio of speeds to the `reference` of the same rounds.
    """

    title: str
    value: float
    unit: str
    target: float
    more_is_better: bool
    reference: str = ""

    @classmethod
    def at_least(cls, title: str, value: float, unit: str, target: float, reference: str = "") -> Self:
        return cls(title, value, unit, target, True, reference)

    @classmethod
    def at_most(cls, title: str, value: float, unit: str, target: float, reference: str = "") -> Self:
        return cls(title, value, unit, target, False, reference)

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.more_is_better else self.value <= self.target


_Each = TypeVar("_Each", Row, Panel)


class Results(msgspec.Struct):
    """`machine` is that of the last measurement."""

    machine: str = ""
    rows: list[Row] = []
    panels: list[Panel] = []


def arguments(description: str | None, *, rounds: int) -> argparse.ArgumentParser:
    """Parser of a benchmark's options, with those that all have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--save", action="store_true", help=f"keep the figures in {KEPT.name}")
    return parser


def read(path: Path = KEPT) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def report(measured: Sequence[Row | Panel], *, keep: bool, path: Path = KEPT) -> None:
    """Print rows; keep all in the file, if so told, each in the place of what had its title."""
    rows = [each for each in measured if isinstance(each, Row)]
    show(rows)
    if not keep:
        return
    panels = [each for each in measured if isinstance(each, Panel)]
    found = read(path)
    merged = Results(machine(), _merged(found.rows, rows), _merged(found.panels, panels))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=2) + b"\n")


def _merged(kept: Sequence[_Each], fresh: Sequence[_Each]) -> list[_Each]:
    by_title = {each.title: each for each in fresh}
    return [by_title.pop(each.title, each) for each in kept] + list(by_title.values())


def show(rows: Sequence[Row], title: str = "") -> None:
    """Print rows beside their targets."""
    if not rows:
        return
    table = Table(title=title or None, title_justify="left", box=None)
    for column in ("", "measured", "target", "", "by"):
        table.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for row in rows:
        sign = "≥" if row.more_is_better else "≤"
        table.add_row(
            row.title,
            f"{row.value:,.3g} {row.unit}",
            f"{sign} {row.target:,.3g} {row.unit}",
            "" if row.reached else "not reached",
            row.reference,
        )
    console.print(table)
    console.print()

"""Measurements, kept in a file for the plot: panels, each a title and a bar a contender."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Panel(msgspec.Struct):
    """`values` are in `unit`, less is better, by contender."""

    title: str
    unit: str
    values: dict[str, float]


class Results(msgspec.Struct):
    """`machine` is that of the last panel."""

    machine: str = ""
    panels: list[Panel] = []


def read(path: Path) -> Results:
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def save(path: Path, machine: str, *panels: Panel) -> None:
    """Put panels into the file, each in the place of the one that had its title."""
    results = read(path)
    fresh = {panel.title: panel for panel in panels}
    kept = [fresh.pop(panel.title, panel) for panel in results.panels]
    content = msgspec.json.encode(Results(machine, [*kept, *fresh.values()]))
    path.write_bytes(msgspec.json.format(content, indent=2) + b"\n")

"""Tables of the privilege matrix in Markdown, for the page of the reference."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from model_sharing_provider.governance.privileges import Privilege
from support.principals import SecurablePrivilege
from support.privilege_matrix.rows import Row
from support.privilege_matrix.table import SECTIONS


def privilege_tables() -> str:
    """A table for each section of the matrix, below its title."""
    return "\n".join(_section(title, rows) for title, rows in SECTIONS.items())


def _section(title: str, rows: Iterable[Row]) -> str:
    lines = [f"## {title}", "", "| operation | needs |", "| --- | --- |"]
    for operation, ways in groupby(rows, key=lambda row: row.title):
        needs = ", or<br>".join(_needs(row) for row in ways)
        lines.append(f"| `{operation}` | {needs} |")
    return "\n".join(lines) + "\n"


def _needs(row: Row) -> str:
    return ", ".join(map(_need, row.needs)) or "none: each principal is shown what it may see"


def _need(needed: SecurablePrivilege) -> str:
    if needed.privilege is Privilege.ADMINISTER:
        return "metastore administrator"
    which = "other " if needed.name.startswith("dev") else ""
    return f"{needed.privilege} on the {which}{needed.on.value.lower()}"

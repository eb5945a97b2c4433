"""Reference page of the privilege matrix; `python -m support.privilege_matrix.page` in tests/ writes it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from model_sharing_provider.governance.privileges import Privilege
from support.principals import SecurablePrivilege
from support.privilege_matrix.rows import Row
from support.privilege_matrix.table import SECTIONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "privileges.md"

_INTRODUCTION = """\
# Privileges

Privileges that a principal needs for each operation, named after the method of the service. Where several
sets are given, one of them is enough. A test tries each operation with them and without any one of them.
Privileges granted on a catalog or schema reach everything below it.

<!-- Written by tests/support/privilege_matrix/page.py; do not edit. -->
"""


def reference_page() -> str:
    return _INTRODUCTION + "".join(_section(title, rows) for title, rows in SECTIONS.items())


def _section(title: str, rows: Iterable[Row]) -> str:
    lines = ["", f"## {title}", "", "| operation | needs |", "| --- | --- |"]
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


if __name__ == "__main__":
    PAGE.write_text(reference_page())

"""The table of requirements, the checks and the source of the suite belong together."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import opensharing_conformance
from opensharing_conformance import checks as _registers_all_checks  # noqa: F401
from opensharing_conformance.registry import CHECKS
from opensharing_conformance.requirements import CLASSES, load_requirements, parse_requirements

SOURCE = Path(opensharing_conformance.__file__).parent
MAY_BE_IMPORTED = {*sys.stdlib_module_names, "opensharing_conformance", "click", "rich"}


def test_each_requirement_of_a_server_is_proved_once() -> None:
    proved = Counter(identifier for check in CHECKS for identifier in check.ids)
    assert [identifier for identifier, count in proved.items() if count > 1] == []
    assert set(proved) == {row.id for row in load_requirements().of_side("server")}


def test_ids_name_their_class_and_classes_are_all_there() -> None:
    rows = load_requirements().rows.values()
    prefixes = {"TABLES": "tables-url"}
    for row in rows:
        found = re.fullmatch(r"OS-([A-Z-]+)-\d{3}", row.id)
        assert found is not None, row.id
        assert (found[1] == "CLIENT") == (row.side == "client"), row.id
        if row.side == "client":
            continue
        assert row.class_name == prefixes.get(found[1], found[1].lower()), row.id
    assert {row.class_name for row in rows} == set(CLASSES)


def test_sources_are_pinned() -> None:
    for source in load_requirements().sources.values():
        assert re.fullmatch(r"[0-9a-f]{40}", source.commit), source
    used = {row.source.name for row in load_requirements().rows.values()}
    assert used == set(load_requirements().sources)


ROW = """
[source.spec]
repository = "a/b"
commit = "c"
path = "SPEC.md"
sections = ["one"]
[[requirement]]
id = "OS-CORE-001"
class = "core"
level = "MUST"
anchor = "spec#one"
text = "x"
"""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("MUST", "OUGHT"), ('"core"', '"cores"'), ("spec#one", "spec#two"), ("spec#one", "other#one")],
)
def test_a_row_that_is_not_right_is_refused(right: str, wrong: str) -> None:
    assert parse_requirements(ROW).rows["OS-CORE-001"].url == "https://github.com/a/b/blob/c/SPEC.md#one"
    with pytest.raises(ValueError, match="OS-CORE-001"):
        parse_requirements(ROW.replace(right, wrong))


def test_an_id_is_there_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_requirements(ROW + ROW[ROW.index("[[requirement]]") :])


def test_the_suite_stands_alone() -> None:
    assert {name for path in SOURCE.rglob("*.py") for name in _imported(path)} <= MAY_BE_IMPORTED


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_the_readme_counts_them_right() -> None:
    readme = " ".join((SOURCE.parent / "README.md").read_text("utf-8").split())
    rows = load_requirements().of_side("server")
    levels = Counter(row.level for row in rows)
    counted = f"{levels['MUST']} MUST, {levels['SHOULD']} SHOULD, {levels['MAY']} MAY"
    assert f"**{len(rows)} requirements of servers** ({counted})" in readme
    for name in CLASSES:
        assert f"`{name}`" in readme
        count = sum(row.class_name == name for row in rows)
        assert re.search(rf"`{name}`[^|]*\|[^|]*\|[^|]*\b{count}\b", readme), (name, count)

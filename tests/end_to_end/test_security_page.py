"""SECURITY.md promises nothing that no test shows."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_promise_names_tests_that_exist() -> None:
    there = set[str]()
    for file in (ROOT / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE))
    page = (ROOT / "SECURITY.md").read_text()
    promises = page.partition("| against | promise | tests |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(promises) > 10
    for line in promises:
        named = re.findall(r"`(test_\w+)`", line)
        assert named, line
        assert set(named) <= there, line

"""The page of the recipient's settings has each variable that the code reads."""

from __future__ import annotations

import re

from model_sharing import settings
from support.processes.virtual_environments import ROOT

PAGE = ROOT / "docs" / "reference" / "recipient-settings.md"


def test_the_page_has_a_row_for_each_variable() -> None:
    read = {value for name, value in vars(settings).items() if name.endswith("_VARIABLE")}
    assert read
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)) == read

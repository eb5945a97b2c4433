"""Links between the Markdown pages of the repository: each leads to a file, and to a heading of it."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from pathlib import Path

import pytest

from support.processes.virtual_environments import ROOT

FENCED_CODE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*?)(?: +\{#([\w-]+)\})?$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z]+:")


def pages() -> list[Path]:
    """The Markdown files that git tracks, or would; the changelog may name pages that have moved since."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    paths = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / path for path in paths if path and (ROOT / path).exists()]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    found = set()
    for title, explicit in HEADING.findall(FENCED_CODE.sub("", page.read_text())):
        kept = "".join(c for c in title.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
        found.add(explicit or kept.replace(" ", "-"))
    return found


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    text = INLINE_CODE.sub("", FENCED_CODE.sub("", page.read_text()))
    wrong = []
    for link in LINK.findall(text):
        if ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` title\n[1](page.md#a-b-title) [2](#absent) [3](absent.md) [4](https://example.com)"
    )
    assert broken(page) == ["#absent", "absent.md"]

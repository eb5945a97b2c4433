"""Accessibility of a page in Chromium, by axe-core."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def axe_violations(page: Page, path: str) -> list[str]:
    """Violations that axe-core finds, each with the page and the element."""
    found = await Axe().run(page, options={"runOnly": _RULES, "resultTypes": ["violations"]})
    return [
        f"{path}: {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]

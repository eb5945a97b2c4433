"""Accessibility of every page: by axe-core, by keyboard, on a narrow screen, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from support.accessibility import axe_violations
from support.admin_client import AdminClient
from support.browser import PATIENCE_MS, Person, Windows
from support.explorer_client import ExplorerClient
from support.explorer_metastore import fill
from support.explorer_pages import some_of_each_route

_STARTS = ("/explorer/search?q=churn", "/explorer/search?q=nothing-has-this-name")
_OPEN_ALL = """() => {
  window.addEventListener("toggle", (event) => event.stopImmediatePropagation(), true);
  for (const each of document.querySelectorAll("details")) each.open = true;
}"""
_CONTROLS = """() => {
  const all = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  window.controls = [...document.querySelectorAll(all)].filter((each) =>
    !each.disabled && each.type !== "hidden" && each.tabIndex >= 0 &&
    !(each.type === "radio" && !each.checked) && each.checkVisibility({ visibilityProperty: true }));
  document.activeElement.blur();
  return window.controls.map((each) => each.outerHTML.slice(0, 120));
}"""
_FOCUSED = """() => {
  const style = getComputedStyle(document.activeElement);
  const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [window.controls.indexOf(document.activeElement), visible];
}"""


@pytest.fixture
async def paths(
    admin: AdminClient, server: TestServer, explorer: ExplorerClient, tmp_path: Path
) -> list[str]:
    made = await fill(admin, tmp_path)
    return await some_of_each_route(server, explorer, *_STARTS, f"/explorer/activate/{made.activation_code}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(
    windows: Windows, paths: list[str], provider_home: Path, scheme: str
) -> None:
    person = await windows.new(color_scheme=scheme, viewport={"width": 1200, "height": 900})
    await person.open("/explorer/sign-in")
    problems = await axe_violations(person.page, "sign-in")
    await person.sign_in((provider_home / "admin.token").read_text())
    for path in paths:
        await _open(person, path)
        await person.page.evaluate(_OPEN_ALL)
        problems += await axe_violations(person.page, path)
    assert not problems, "\n".join(problems)


async def _open(person: Person, path: str) -> None:
    """Open a page, and wait for the parts that it loads by itself."""
    await person.open(path)
    await expect(person.page.locator("[hx-trigger=load]:empty")).to_have_count(0, timeout=PATIENCE_MS)


async def test_a_narrow_screen_needs_no_horizontal_scrolling(
    windows: Windows, paths: list[str], provider_home: Path
) -> None:
    person = await windows.new(viewport={"width": 320, "height": 640})
    await person.sign_in((provider_home / "admin.token").read_text())
    wide = []
    for path in paths:
        await _open(person, path)
        await person.page.evaluate(_OPEN_ALL)
        width = await person.page.evaluate("document.documentElement.scrollWidth")
        wide += [f"{path}: {width} px"] if width > 320 else []
    assert not wide, "\n".join(wide)


async def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    windows: Windows, paths: list[str], provider_home: Path
) -> None:
    person = await windows.new(viewport={"width": 1200, "height": 900})
    await person.sign_in((provider_home / "admin.token").read_text())
    problems = []
    for path in paths:
        await _open(person, path)
        controls: list[str] = await person.page.evaluate(_CONTROLS)
        reached, unseen = set(), set()
        for _ in range(len(controls) + 1):
            await person.page.keyboard.press("Tab")
            index, visible = await person.page.evaluate(_FOCUSED)
            reached.add(index)
            if index >= 0 and not visible:
                unseen.add(index)
        problems += [f"{path}: not reached: {each}" for i, each in enumerate(controls) if i not in reached]
        problems += [f"{path}: focus is not visible: {controls[i]}" for i in unseen]
    assert not problems, "\n".join(problems)

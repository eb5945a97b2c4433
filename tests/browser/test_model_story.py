"""A model's owner at work on its page: by mouse, by keyboard alone, and without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.browser import PATIENCE_MS, Person, Windows
from support.model_folder import write_model

NAME = FullName.parse("prod.ml_team.iris_model")


@pytest.fixture
async def iris(admin: AdminClient, tmp_path: Path) -> FullName:
    """A model with two versions, of which the first is the Champion."""
    for number in (1, 2):
        folder = write_model(tmp_path / f"m{number}", {"model.pkl": b"%d" % number})
        await admin.register(folder, str(NAME), "Champion" if number == 1 else None)
    return NAME


async def _owner(windows: Windows, home: Path, **options: object) -> Person:
    person = await windows.new(viewport={"width": 1200, "height": 900}, **options)
    await person.sign_in((home / "admin.token").read_text(), f"/explorer/models/{NAME}")
    return person


@pytest.mark.parametrize("scripts", [True, False])
async def test_the_owner_describes_it_and_moves_the_champion(
    windows: Windows, admin: AdminClient, iris: FullName, provider_home: Path, scripts: bool
) -> None:
    page = (await _owner(windows, provider_home, java_script_enabled=scripts)).page
    await page.get_by_role("button", name="Edit description").click()
    await page.get_by_label("Description").and_(page.locator("textarea")).fill("**Flowers** by petals")
    await page.get_by_role("button", name="Save").click()
    await page.locator(".markdown strong", has_text="Flowers").wait_for()
    await page.get_by_role("button", name="Move Champion").click()
    await page.get_by_label("To version").fill("2")
    await page.get_by_role("button", name="Move Champion", exact=True).last.click()
    await page.get_by_role("row", name="@Champion").get_by_role("link", name="2", exact=True).wait_for()
    model = await admin.provider.models.get(admin.context, iris)
    assert (model.aliases, model.comment) == ({"Champion": 2}, "**Flowers** by petals")


async def test_a_mistake_is_told_on_the_page_and_loses_nothing(
    windows: Windows, iris: FullName, provider_home: Path
) -> None:
    page = (await _owner(windows, provider_home)).page
    await page.set_viewport_size({"width": 1200, "height": 400})
    await page.get_by_role("button", name="Set alias").first.click()
    panel = page.locator("details.control[open]")
    await panel.get_by_label("Alias").fill("Challenger")
    await panel.get_by_label("Version").fill("9")
    await panel.get_by_role("button", name="Set alias").last.click()
    told = page.get_by_role("alert").filter(has_text="has no READY version 9")
    await expect(told).to_be_in_viewport(timeout=PATIENCE_MS)
    assert await panel.get_by_label("Alias").input_value() == "Challenger"
    assert page.url.endswith(f"/explorer/models/{NAME}")
    await panel.get_by_label("Version").fill("2")
    await panel.get_by_role("button", name="Set alias").last.click()
    await page.get_by_role("status").filter(has_text="Saved.").wait_for()
    assert await page.get_by_role("alert").count() == 0
    await page.go_back()
    await page.get_by_role("heading", name="iris_model", exact=True).wait_for()


async def test_by_keyboard_alone(
    windows: Windows, admin: AdminClient, iris: FullName, provider_home: Path
) -> None:
    page = (await _owner(windows, provider_home)).page
    await _tab_to(page, "Skip to content")
    await page.keyboard.press("Enter")
    await _tab_to(page, "Set alias")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Escape")
    assert await _focused(page) == "Set alias"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Challenger")
    await page.keyboard.press("Enter")
    await page.get_by_role("status").filter(has_text="Saved.").wait_for()
    model = await admin.provider.models.get(admin.context, iris)
    assert model.aliases == {"Champion": 1, "Challenger": 2}


async def _tab_to(page: Page, words: str) -> None:
    for _ in range(100):
        await page.keyboard.press("Tab")
        if await _focused(page) == words:
            return
    raise AssertionError(f"Tab does not lead to {words!r}")


async def _focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.textContent.trim()"))


async def test_a_button_copies_the_uri(windows: Windows, iris: FullName, provider_home: Path) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    for options in ({"permissions": permissions}, {}):
        page = (await _owner(windows, provider_home, **options)).page
        await page.get_by_role("button", name="Copy URI of Champion").click()
        await page.get_by_text("Copied").wait_for()
        if options:
            copied = await page.evaluate("navigator.clipboard.readText()")
            assert copied == f"models:/{NAME}@Champion"


async def test_it_is_deleted_once_its_name_is_typed(
    windows: Windows, admin: AdminClient, iris: FullName, provider_home: Path
) -> None:
    page = (await _owner(windows, provider_home)).page
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("heading", name=f"Delete the model {NAME}").wait_for()
    confirmation = page.get_by_label("to confirm")
    await confirmation.fill("iris_model")
    await page.get_by_role("button", name="Delete for good").click()
    await page.get_by_role("alert").filter(has_text="Nothing was deleted").wait_for()
    await confirmation.fill(str(NAME))
    await page.get_by_role("button", name="Delete for good").click()
    await page.get_by_role("heading", name="ml_team", exact=True).wait_for()
    async with admin.provider.database.read() as rows:
        assert await rows.models.find(iris) is None

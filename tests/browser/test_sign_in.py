"""Signing in and out, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser import Windows


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_signs_in_creates_a_catalog_and_signs_out(
    windows: Windows, provider_home: Path, scripts: bool
) -> None:
    person = await windows.new(java_script_enabled=scripts)
    await person.sign_in((provider_home / "admin.token").read_text(), "/explorer/catalogs")
    page = person.page
    await page.get_by_role("button", name="Create catalog").click()
    await page.get_by_label("Name", exact=True).fill("prod")
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_role("heading", name="prod", exact=True).wait_for()
    assert page.url.endswith("/explorer/catalogs/prod?done=created")
    assert await page.get_by_role("status").inner_text() == "Created."
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Access token").wait_for()
    await person.open("/explorer/catalogs")
    assert "/explorer/sign-in?next=" in page.url

"""The tree of catalogs, schemas and models, by mouse: it loads what is opened, and stays between pages."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import expect

from model_sharing_protocol.names import FullName, SchemaName
from support.admin_client import AdminClient
from support.browser import Windows


async def test_the_tree_is_opened_filtered_and_follows_the_reader(
    windows: Windows, admin: AdminClient, provider_home: Path
) -> None:
    for schema in ("prod.ml_team", "staging.lab"):
        name = SchemaName.parse(schema)
        await admin.provider.catalogs.create(admin.context, name.catalog)
        await admin.provider.catalogs.create_schema(admin.context, name)
    for number in range(60):
        model = FullName("prod", "ml_team", f"model_{number:02}")
        await admin.provider.models.create(admin.context, model)
    person = await windows.new()
    await person.sign_in((provider_home / "admin.token").read_text(), "/explorer/catalogs")
    page, tree = person.page, person.page.locator("#tree")

    await page.get_by_role("button", name="What is in staging").click()
    await page.get_by_role("button", name="What is in prod", exact=True).click()
    await page.get_by_role("button", name="What is in prod.ml_team").click()
    await page.get_by_role("button", name="More of prod.ml_team").click()
    await tree.get_by_role("link", name="model_55").click()
    await page.get_by_role("heading", name="model_55").wait_for()
    await expect(tree.get_by_role("link", name="model_55")).to_have_attribute("aria-current", "page")
    await expect(tree.get_by_role("link", name="lab")).to_be_visible()

    await page.get_by_role("button", name="What is in prod", exact=True).click()
    await expect(tree.get_by_role("link", name="model_55")).to_be_hidden()
    await page.get_by_label("Filter catalogs, schemas and models by name").fill("model_1")
    await tree.get_by_role("link", name="prod.ml_team.model_17").click()
    await page.get_by_role("heading", name="model_17").wait_for()

    await page.get_by_role("button", name="Rename").click()
    await page.get_by_label("New name").fill("churn")
    await page.get_by_role("button", name="Rename", exact=True).last.click()
    await page.get_by_role("heading", name="churn").wait_for()
    await expect(tree.get_by_role("link", name="churn")).to_have_attribute("aria-current", "page")

"""Pictures of every page in `build/screenshots/`; `make screenshots` takes those of the README from there."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from aiohttp.test_utils import TestServer
from playwright.async_api import Error, FloatRect, Page

from model_sharing_provider.domain.securables import SecurableType
from support.admin_client import AdminClient
from support.browser import Windows
from support.explorer_client import ExplorerClient
from support.explorer_metastore import CHURN, fill
from support.explorer_pages import some_of_each_route
from support.principals import change_owner
from support.processes.virtual_environments import ROOT

_FOLDER = ROOT / "build" / "screenshots"
_OF_README = {
    f"/explorer/models/{CHURN}": ("explorer-model.png", 988),
    "/explorer/shares/customer_models": ("explorer-share.png", 720),
}
"""Pictures of pages for the README, by their paths: file and height in pixels."""
_MAX_BYTES = 150_000
_WEEK_MS = 7 * 86_400_000


async def test_pictures_of_every_page(
    windows: Windows,
    admin: AdminClient,
    server: TestServer,
    explorer: ExplorerClient,
    provider_home: Path,
    tmp_path: Path,
) -> None:
    made = await fill(admin, tmp_path)
    await change_owner(admin, admin.context, SecurableType.MODEL, str(CHURN), "data-scientists")
    _let_weeks_pass(provider_home / "metastore.db")
    link = f"/explorer/activate/{made.activation_code}"
    paths = await some_of_each_route(server, explorer, *_OF_README, "/explorer/search?q=churn", link)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for scheme, width in (("light", 1200), ("dark", 1200), ("light", 320)):
        person = await windows.new(color_scheme=scheme, viewport={"width": width, "height": 900})
        await person.sign_in((provider_home / "admin.token").read_text())
        for path in paths:
            await person.open(path)
            name = path.removeprefix("/explorer").replace(made.activation_code, "link")
            name = re.sub(r"[^\w.]+", "-", name).strip("-") or "home"
            await _take_picture(person.page, _FOLDER / f"{name}-{scheme}-{width}.png")
            if path in _OF_README and (scheme, width) == ("light", 1200):
                name, height = _OF_README[path]
                part: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
                assert len(await _take_picture(person.page, _FOLDER / name, part)) < _MAX_BYTES


async def _take_picture(page: Page, path: Path, part: FloatRect | None = None) -> bytes:
    """Picture of a page; with a `part`, of that only.

    Chromium on a busy machine refuses one of some hundred, if a page changes meanwhile ("Unable to capture
    screenshot"): that one is taken once nothing more loads, such as the tree beside the page.
    """
    try:
        return await page.screenshot(path=path, clip=part, full_page=True)
    except Error:
        await page.wait_for_load_state("networkidle")
        return await page.screenshot(path=path, clip=part, full_page=True)


def _let_weeks_pass(database: Path) -> None:
    """Versions are a week apart, as those of a model that is trained each Monday; all else is older."""
    with closing(sqlite3.connect(database)) as rows:
        ages = f"created_at - (5 - version) * {_WEEK_MS}"
        rows.execute(f"UPDATE model_versions SET created_at = {ages}, updated_at = {ages}")
        for table in ("catalogs", "schemas", "registered_models", "shares", "recipients"):
            rows.execute(f"UPDATE {table} SET created_at = created_at - 9 * {_WEEK_MS}")
        rows.execute(f"UPDATE share_objects SET added_at = added_at - 4 * {_WEEK_MS}")
        rows.commit()

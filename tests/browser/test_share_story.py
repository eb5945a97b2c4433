"""From a share to a loaded model, and its end: by mouse and keyboard, and by the recipient's command line."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow.sklearn
import numpy
import pytest
from mlflow.models import infer_signature
from playwright.async_api import Page
from sklearn.linear_model import LinearRegression

from support.admin_client import AdminClient
from support.browser import Windows

NAME = "prod.ml_team.doubler"
_PREDICT = "\nimport numpy\nprint(model.predict(numpy.array([[4.0]])))"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Folder of the recipient, with a home of its own, in which lines are typed."""

    folder: Path

    async def types(self, line: str) -> tuple[int, str]:
        """Exit code and output of a line that a page shows, in a shell."""
        return await self._run("bash", "-c", line)

    async def runs(self, code: str) -> tuple[int, str]:
        return await self._run(sys.executable, "-W", "ignore", "-c", code)

    async def _run(self, *command: str) -> tuple[int, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "MODEL_SHARING_HOME": str(self.folder / "home")}
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**os.environ, **own},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    """A model that loads without trust in its maker."""
    inputs = numpy.array([[0.0], [1.0], [2.0]])
    model = LinearRegression().fit(inputs, [0.0, 2.0, 4.0])
    mlflow.sklearn.save_model(
        model,
        str(tmp_path / "doubler"),
        serialization_format="skops",
        signature=infer_signature(inputs, model.predict(inputs)),
        pip_requirements=["scikit-learn"],
    )
    return tmp_path / "doubler"


async def test_a_share_is_made_granted_loaded_and_revoked(
    windows: Windows, admin: AdminClient, provider_home: Path, doubler: Path, tmp_path: Path
) -> None:
    await admin.register(doubler, NAME, "Champion")
    person = await windows.new()
    await person.sign_in((provider_home / "admin.token").read_text())
    provider = person.page
    await _make_share(provider)
    link = await _make_recipient(provider)
    await _grant(provider)

    recipient = Recipient(tmp_path / "globex")
    recipient.folder.mkdir()
    page = (await windows.new(accept_downloads=True)).page
    mount, listing, loading = await _download(page, link, recipient.folder)
    for line in (mount, listing):
        code, output = await recipient.types(line)
        assert code == 0, output
    assert "acme_share.ml_team.doubler" in output
    load = loading.replace("SCHEMA.MODEL@ALIAS", "ml_team.doubler@Champion") + _PREDICT
    code, output = await recipient.runs(load)
    assert (code, output.strip().endswith("[8.]")) == (0, True), output
    await page.reload()
    await page.get_by_role("heading", name="This link was used").wait_for()

    await _revoke(provider)
    code, output = await recipient.types(listing)
    assert code != 0
    assert "Traceback" not in output


async def _make_share(page: Page) -> None:
    await page.get_by_role("link", name="Shares", exact=True).click()
    await page.get_by_role("button", name="Create share").click()
    await page.get_by_label("Name", exact=True).fill("acme_share")
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_role("heading", name="acme_share", exact=True).wait_for()
    await page.get_by_role("button", name="Add to share").click()
    await page.get_by_label("Model or schema").fill(NAME)
    await page.get_by_role("button", name="Add", exact=True).click()
    await page.get_by_role("row", name="ml_team.doubler").wait_for()
    await page.get_by_role("link", name="Preview as recipient").click()
    await page.get_by_role("row", name="ml_team.doubler @Champion → 1").wait_for()


async def _make_recipient(page: Page) -> str:
    """Activation link that is shown once."""
    await page.get_by_role("link", name="Recipients", exact=True).first.click()
    await page.get_by_role("button", name="Create recipient").click()
    await page.get_by_label("Name", exact=True).fill("globex")
    await page.get_by_role("button", name="Create", exact=True).click()
    await page.get_by_role("heading", name="Activation link of globex").wait_for()
    return str(await page.get_by_role("button", name="Copy activation link").get_attribute("data-copy"))


async def _grant(page: Page) -> None:
    await page.get_by_role("link", name="Shares", exact=True).click()
    await page.get_by_role("link", name="acme_share").click()
    await page.get_by_role("navigation", name="Tabs").get_by_role("link", name="Recipients").click()
    await page.get_by_role("button", name="Grant to recipient").click()
    await page.get_by_label("Recipient", exact=True).fill("globex")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="globex").wait_for()


async def _revoke(page: Page) -> None:
    """By keyboard, once the page says that the recipient has pulled."""
    await page.reload()
    await page.get_by_role("row", name="globex").filter(has_not_text="never").wait_for()
    await page.get_by_role("button", name="Revoke globex").first.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_text("Nobody.").wait_for()


async def _download(page: Page, link: str, folder: Path) -> list[str]:
    """Download the profile file; the lines that the page says to go on with."""
    await page.goto(link)
    await page.get_by_role("heading", name="Models are shared with you").wait_for()
    lines: list[str] = await page.locator("button[data-copy]").evaluate_all(
        "(all) => all.map((each) => each.dataset.copy).filter((text) => text.includes('model'))"
    )
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Download the profile file").click()
    download = await started.value
    await download.save_as(folder / download.suggested_filename)
    return lines

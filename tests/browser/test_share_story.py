"""From an activation link to a loaded model, and its end: a recipient with a browser and our command line."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow.sklearn
import numpy
import pytest
from aiohttp.test_utils import TestServer
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

from model_sharing_provider.http.urls import activation_link
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


async def test_a_link_is_opened_used_and_ended(
    windows: Windows, server: TestServer, admin: AdminClient, doubler: Path, tmp_path: Path
) -> None:
    await admin.register(doubler, NAME, "Champion")
    code = await admin.share("acme_share", "globex", NAME)
    recipient = Recipient(tmp_path / "globex")
    recipient.folder.mkdir()
    person = await windows.new(accept_downloads=True)
    await person.page.goto(activation_link(str(server.make_url("")).rstrip("/"), code, pages=True))
    await person.page.get_by_role("heading", name="Models are shared with you").wait_for()
    mount, listing, loading = await person.page.locator("button[data-copy]").evaluate_all(
        "(all) => all.map((each) => each.dataset.copy).filter((text) => text.includes('model'))"
    )
    async with person.page.expect_download() as started:
        await person.page.get_by_role("button", name="Download the profile file").click()
    download = await started.value
    await download.save_as(recipient.folder / download.suggested_filename)

    for line in (mount, listing):
        code_of_exit, output = await recipient.types(line)
        assert code_of_exit == 0, output
    assert "acme_share.ml_team.doubler" in output
    load = loading.replace("SCHEMA.MODEL@ALIAS", "ml_team.doubler@Champion")
    code_of_exit, output = await recipient.runs(
        f"{load}\nimport numpy\nprint(model.predict(numpy.array([[4.0]])))"
    )
    assert (code_of_exit, output.strip().endswith("[8.]")) == (0, True), output

    await person.page.reload()
    await person.page.get_by_role("heading", name="This link was used").wait_for()
    await admin.provider.share_permissions.revoke(admin.context, "acme_share", "globex")
    code_of_exit, output = await recipient.types(listing)
    assert code_of_exit != 0
    assert "Traceback" not in output

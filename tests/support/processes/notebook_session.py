"""A notebook with MLflow at a served provider, with a plain MLflow server behind it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.processes.notebook import Notebook, notebook

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")
IRIS = "prod.ml_team.iris_model"


@dataclass(frozen=True, slots=True)
class NotebookSession:
    """A served provider with somebody's notebook, and the administrator's ways to look at what happened."""

    book: Notebook
    url: str
    token: str
    home: Path

    def about_iris(self, sample: str) -> str:
        """Run a sample of the guide's, with the model's name and its first version where they belong."""
        return self.book.run(sample.replace("<model-name>", IRIS).replace("<model-version>", "1"))

    def rest(self, method: str, path: str, body: object = None) -> Any:
        """The Unity Catalog face, by hand."""
        request = urllib.request.Request(
            f"{self.url}/api/2.1/unity-catalog/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def cli(self, *arguments: str) -> Any:
        """The provider's command line beside the server."""
        done = subprocess.run(
            [PROGRAM, *arguments, "--output", "json"],
            env=_environment(self.home),
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    def model(self, name: str = IRIS) -> Any:
        return self.rest("GET", f"models/{name}")

    def versions(self, name: str = IRIS) -> dict[int, str]:
        """The status of each version."""
        found = self.rest("GET", f"models/{name}/versions").get("model_versions", [])
        return {version["version"]: version["status"] for version in found}


def _environment(home: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "MODEL_SHARING_PROVIDER_HOME": str(home),
        "MODEL_SHARING_PROVIDER_LOG": "warning",
        **more,
    }


@contextlib.contextmanager
def notebook_session(folder: Path, mlflow_server: str, *, native: bool) -> Iterator[NotebookSession]:
    """All in `folder`; `native` makes MLflow speak Unity Catalog REST instead of its registry protocol."""
    home = folder / "provider"
    for command in (["catalog", "create", "prod"], ["schema", "create", "prod.ml_team"]):
        subprocess.run([PROGRAM, *command], env=_environment(home), check=True, capture_output=True)
    with (folder / "server.log").open("wb") as log:
        environment = _environment(home, MODEL_SHARING_PROVIDER_TRACKING_URI=mlflow_server)
        server = subprocess.Popen([PROGRAM, "serve", "--port", "0"], env=environment, stdout=log, stderr=log)
    try:
        while not (home / "server.url").exists():
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.05)
        url, token = (home / "server.url").read_text(), (home / "admin.token").read_text()
        work = folder / "notebook"
        work.mkdir()
        known = {
            "DATABRICKS_HOST": url,
            "DATABRICKS_TOKEN": token,
            "MLFLOW_TRACKING_URI": "databricks",
            "MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY": str(native).lower(),
        }
        with notebook(work, known) as book:
            yield NotebookSession(book, url, token, home)
    finally:
        server.terminate()
        server.wait(20)

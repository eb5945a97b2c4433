"""MLflow as people have it: the oldest, the newest and one between, as a recipient's and as a stock client.

Each loads with trust what it wrote itself; without trust, what the policy was tested with, or nothing.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import model_sharing
from support.admin_client import AdminClient
from support.processes.provider import ProviderProcess, as_admin, write_profile_for
from support.processes.virtual_environments import ROOT, SOURCES, virtual_environment

PROGRAM = Path(__file__).with_name("mlflow_story.py")
SHARE = "acme_share"
# What MLflow of 2024 says it needs, which mlflow-skinny does not; and `pkg_resources`.
OF_2024 = ("numpy<2", "pandas<2.3", "scikit-learn<1.6", "setuptools<81", "databricks-sdk")
BOOSTING = ("lightgbm==4.6.0", "xgboost-cpu==3.0.2")
INERT = {"lightgbm", "skops", "xgboost"}


class Company:
    """A provider's server, and the interpreter and home of somebody with one version of MLflow."""

    def __init__(self, folder: Path, packages: tuple[str, ...], provider: ProviderProcess) -> None:
        self.folder = folder
        self.provider = provider
        project = f"model-sharing[mlflow] @ {ROOT.as_uri()}"
        name = "mlflow+" + "+".join(packages)
        self.python = virtual_environment(project, "scikit-learn", *packages, name=name)

    def tells(self, *arguments: str | Path) -> list[str]:
        token = self.provider.home / "admin.token"
        done = subprocess.run(
            [self.python, "-W", "ignore", PROGRAM, *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": SOURCES,
                "HOME": str(self.folder),
                "DATABRICKS_HOST": self.provider.url,
                "DATABRICKS_TOKEN": token.read_text() if token.exists() else "",
                "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "0",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.split()

    def share_all(self, models: Path) -> None:
        """Register what is in the folder, by its name, and mount the share with trust and without."""
        names = [f"prod.ml_team.{folder.name}" for folder in sorted(models.iterdir())]

        async def work(admin: AdminClient) -> str:
            for name in names:
                await admin.register(models / name.rpartition(".")[2], name, "Champion")
            return (await admin.activate(await admin.share(SHARE, "globex", *names), "http://x")).bearer_token

        token = as_admin(self.provider.home, work)
        profile = write_profile_for(self.folder / "globex.share", token, self.provider.port)
        for name, trusted in (("vendor", True), ("stranger", False)):
            model_sharing.mount(profile, share=SHARE, name=name, trust_remote_code=trusted)


@pytest.fixture
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    with ProviderProcess(tmp_path / "provider") as provider:
        yield Company(tmp_path, request.param, provider)


@pytest.mark.parametrize(
    ("company", "inert", "registers"),
    [
        # Before 2.13, MLflow's client stores files by a cloud's own tools only.
        (("mlflow-skinny==2.11.3", *OF_2024), set(), False),
        (("mlflow-skinny==2.13.2", *OF_2024), set(), True),
        (("mlflow-skinny==3.4.0",), set(), True),
        (("mlflow-skinny==3.11.1", "skops==0.16.0", *BOOSTING), INERT, True),
        (("mlflow-skinny==3.17.2", "skops==0.16.0", *BOOSTING), INERT, True),
    ],
    indirect=["company"],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_version_of_mlflow_registers_and_loads(company: Company, inert: set[str], registers: bool) -> None:
    company.tells("save", company.folder / "models")
    company.share_all(company.folder / "models")
    loaded = company.tells("plugin", "inert", *(["registry"] if registers else []))
    assert set(loaded) == inert

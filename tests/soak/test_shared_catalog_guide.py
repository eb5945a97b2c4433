"""The guide to catalogs from shares works as printed; the example of two regions loads models by MLflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.admin_client import AdminClient
from support.documented_commands import block, guide
from support.model_folder import write_model
from support.processes.provider import ProviderProcess, as_admin

GUIDE = guide("create-a-catalog-from-a-share")
NETWORKS = "MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS"


@dataclass(frozen=True, slots=True)
class Company:
    """A company's administrator, who types what the guide says, beside a running server."""

    server: ProviderProcess
    folder: Path

    def types(self, line: str) -> str:
        """Output of a line, which must succeed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {
            **os.environ,
            "PATH": path,
            "MODEL_SHARING_PROVIDER_HOME": str(self.server.home),
            NETWORKS: "127.0.0.0/8",
            "DATABRICKS_HOST": self.server.url,
            "DATABRICKS_TOKEN": (self.server.home / "admin.token").read_text(),
        }
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def follows(self, heading: str, **placeholders: str) -> str:
        """Output of the lines below a heading."""
        lines = "\n".join(block(heading, "sh", page=GUIDE))
        for name, value in placeholders.items():
            lines = lines.replace(f"<{name.replace('_', ' ')}>", value)
        return "".join(map(self.types, lines.splitlines()))


@pytest.fixture
def acme_home(tmp_path: Path) -> Path:
    """A provider with two versions of the model, in a share."""

    async def work(admin: AdminClient) -> None:
        for number in (1, 2):
            folder = write_model(tmp_path / f"v{number}", {"model.pkl": bytes([number])})
            await admin.register(folder, "prod.ml_team.iris_model", "Champion")
        await admin.share("acme_share", "others", "prod.ml_team.iris_model")

    as_admin(tmp_path / "acme", work)
    return tmp_path / "acme"


def test_the_guide_works_as_printed(acme_home: Path, tmp_path: Path) -> None:
    loopback = {NETWORKS: "127.0.0.0/8"}
    with (
        ProviderProcess(acme_home) as at_acme,
        ProviderProcess(tmp_path / "globex", environment=loopback) as at_globex,
    ):
        acme, globex = Company(at_acme, tmp_path), Company(at_globex, tmp_path)
        link, fingerprint = link_and_fingerprint(acme.follows("At the provider"))
        said = globex.follows("Create the catalog", activation_link=link, fingerprint=fingerprint)
        assert "acme_share" in said and "ACTIVE" in said
        globex.types("model-sharing-provider principal create ann@example.com")
        globex.follows("Give colleagues access")
        (tmp_path / "grants.py").write_text("\n".join(block("Give colleagues access", "python", page=GUIDE)))
        globex.types(f"{shutil.which('python', path=Path(sys.executable).parent)} -W ignore grants.py")
        assert "1 version is here" in globex.follows("Fetch ahead of use")
        assert "pulled_size" in globex.types("model-sharing-provider catalog show vendor")
        rotated = acme.types("model-sharing-provider recipient rotate-token globex --existing-expires-in 0s")
        globex.follows("Take in a new profile", activation_link=rotated.strip())
        for line in ("catalog create prod", "schema create prod.ml_team"):
            globex.types(f"model-sharing-provider {line}")
        assert fingerprint in globex.follows("Copy a model into a catalog of your own")
        drop_catalog, drop_provider = block("Drop it", "sh", page=GUIDE)
        globex.types(drop_catalog)
        globex.follows("Keep no files here")
        globex.types(drop_catalog)
        globex.types(drop_provider)
        assert "acme" in globex.types("model-sharing-provider model show prod.ml_team.adopted")


def link_and_fingerprint(said: str) -> tuple[str, str]:
    """The activation link that was printed, and the fingerprint of the key that signs."""
    lines = said.splitlines()
    (link,) = [line.strip() for line in lines if line.startswith("http")]
    return link, [line.split()[0] for line in lines if line.startswith("sha256:")][-1]

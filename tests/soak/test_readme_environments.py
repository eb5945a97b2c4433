"""The README in environments of exactly what it says to install, over the versions of Python that are here.

Each is made from a wheel, has none of what developers have, and serves a user with a home of his own.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from support.documented_commands import README, Reader, follow, follow_apart
from support.processes.virtual_environments import ROOT, virtual_environment

PROJECT = ROOT / "pyproject.toml"
Install = Callable[..., Path]


def pythons() -> list[str]:
    """Each version that the project names and this machine has, the running one for its own."""
    named = re.findall(r"Python :: (3\.\d+)", PROJECT.read_text())
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [version for version in named if version == own or _interpreter(version)]


def _interpreter(version: str) -> str | None:
    found = shutil.which(f"python{version}")
    # pyenv's stand-ins are there for versions, too, that are not chosen.
    if found is None or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        return None
    return found


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Makes an environment as `pip install '.[extras]' more` does; the folder of its programs."""
    pip = [sys.executable, "-m", "pip"]
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    needs = hashlib.sha256(PROJECT.read_bytes()).hexdigest()[:12]

    def installed(extras: str = "", *more: str, python: str = "") -> Path:
        interpreter = (_interpreter(python) if python else None) or sys.executable
        kind = hashlib.sha256(repr((python, extras, more, needs)).encode()).hexdigest()[:16]
        name = f"readme-{python or 'own'}-{extras.strip('[]') or 'none'}-{kind}"
        wanted = f"model-sharing{extras} @ {wheel.as_uri()}"
        environment = virtual_environment(wanted, *more, name=name, interpreter=interpreter)
        # What it needs is kept from run to run; what we wrote is new.
        renew = [*pip, "--python", str(environment), "install", "--quiet"]
        subprocess.run([*renew, "--no-deps", "--force-reinstall", wheel], check=True)
        return environment.parent

    return installed


def printed_install() -> tuple[str, str]:
    """The extras of the line that comes before the twenty, and what else is in it."""
    (found,) = re.findall(r"Install with `pip install '\.(\[\w+\])' ([\w-]+)`", README)
    extras, more = found
    return extras, more


@pytest.mark.parametrize("python", pythons())
def test_the_readme_works_where_it_says(install: Install, python: str, tmp_path: Path) -> None:
    programs = install(*printed_install(), python=python)
    follow(Reader(tmp_path / "acme", programs), Reader(tmp_path / "globex", programs))


def test_each_extra_does_what_it_is_for(install: Install, tmp_path: Path) -> None:
    """A provider has `provider` only; a recipient nothing, then `mlflow` and what the model needs."""
    loading = install("[mlflow]", "scikit-learn")
    provider = Reader(tmp_path / "acme", install("[provider]"))
    recipient = Reader(tmp_path / "globex", install())
    follow_apart(provider, recipient, loading)


def test_the_explorer_is_in_the_wheel(install: Install, tmp_path: Path) -> None:
    """Pages, style sheet and scripts, and the license of the one that others wrote."""
    provider = Reader(tmp_path / "acme", install("[provider]"))
    with provider.serving("model-sharing-provider serve &"):
        url = (provider.provider_home / "server.url").read_text().strip()
        page = _read(f"{url}/explorer/sign-in")
        assert "Access token" in page
        loaded = re.findall(r'(?:href|src)="(/explorer/static/[^"]+)"', page)
        names = {path.partition("?")[0].rpartition("/")[2] for path in loaded}
        assert names == {"icon.svg", "explorer.css", "explorer.js", "htmx.min.js", "upload.js"}
        assert all(_read(url + path) for path in loaded)
    listing = "from importlib.metadata import files; print(*files('model-sharing'), sep='\\n')"
    files = provider.runs([listing]).splitlines()
    licenses = {path.rpartition("/")[2] for path in files if ".dist-info/licenses/" in path}
    assert licenses == {"LICENSE", "htmx.LICENSE"}


def _read(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


def test_the_oldest_dependencies_that_are_allowed(install: Install, tmp_path: Path) -> None:
    """Provider and recipient apart, since no MLflow is as old as what a provider needs is new."""
    # What MLflow 2.11 needs without saying so.
    loading = install("[mlflow]", *oldest("mlflow"), "scikit-learn<1.6", "setuptools<81")
    provider = Reader(tmp_path / "acme", install("[provider]", *oldest("provider")))
    recipient = Reader(tmp_path / "globex", install("", *oldest()))
    follow_apart(provider, recipient, loading)


def oldest(*extras: str) -> list[str]:
    """The lowest versions that the project allows, as requirements."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    needed = project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    return [line.split(";")[0].strip().replace(">=", "==") for line in needed]


def test_every_extra_is_named_in_the_readme_or_the_docs() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"].keys()
    said = README + "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    assert not [extra for extra in extras - {"dev", "docs", "bench"} if not re.search(rf"\W{extra}\W", said)]

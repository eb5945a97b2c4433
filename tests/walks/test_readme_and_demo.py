"""What the README and the demo show is what happens."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import default_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()


def block(heading: str, language: str, number: int = 0) -> list[str]:
    """The lines of the nth code block of a language below a heading, without their comments."""
    section = README.split(f"## {heading}")[1].split("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[number]
    lines = [line if language == "python" else line.split("  #")[0].rstrip() for line in found.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a new user with the repository's examples at hand."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = f"{BIN}:{os.environ['PATH']}"
    tracking = f"sqlite:///{tmp_path}/mlflow.db"
    yield {**os.environ, "HOME": str(tmp_path), "PATH": path, "MLFLOW_TRACKING_URI": tracking}


def test_the_readme_works_as_printed(tmp_path: Path, shell: dict[str, str]) -> None:
    """The provider's lines, the recipient's, and the REST snippet, each in the home they belong to."""
    provider = {**shell, "XDG_DATA_HOME": str(tmp_path / "acme")}
    recipient = {**shell, "XDG_DATA_HOME": str(tmp_path / "globex")}
    home = tmp_path / "acme" / "model-sharing-provider"

    def run(command: list[str], environment: dict[str, str], folder: Path = tmp_path) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def run_line(line: str, environment: dict[str, str]) -> str:
        return run(["bash", "-c", line], environment)

    def run_python(lines: list[str], environment: dict[str, str], folder: Path = tmp_path) -> str:
        return run([sys.executable, "-W", "ignore", "-c", "\n".join(lines)], environment, folder)

    serve, *commands = block("Share and load", "sh")
    serve = "exec " + serve.removesuffix("&")
    with (
        default_port(),
        subprocess.Popen(["bash", "-c", serve], env=provider, stderr=subprocess.DEVNULL) as server,
    ):
        try:
            while not (home / "server.url").exists() and server.poll() is None:
                time.sleep(0.05)
            said = [run_line(line, provider) for line in commands]
            (link,) = (text.strip() for text in said if text.startswith("http"))
            for line in block("Share and load", "sh", 1):
                run_line(line.replace("<activation link>", link), recipient)
            for number in (0, 1):
                snippet = block("Share and load", "python", number)
                assert run_python([*snippet, "print(type(model).__name__)"], recipient) == "PyFuncModel\n"
            for line in block("For those who run a provider", "sh", 1):
                run_line(line, provider)
            exports = (
                "MODEL_SHARING_PROVIDER_HOME="
                + str(home)
                + "; "
                + "; ".join(block("A registry that MLflow", "sh"))
            )
            register = "python -W ignore examples/register_with_mlflow.py prod.ml_team.iris_model"
            assert "@Champion is version 2" in run_line(f"{exports}; {register}", provider)
            administer = "\n".join(block("A registry that MLflow", "python", 1))
            run_line(f"{exports}; python -W ignore -c {shlex.quote(administer)}", provider)
            shown = "model-sharing show models:/vendor.ml_team.iris_model@Champion --output json"
            assert json.loads(run_line(shown, recipient))["version"] == 2
        finally:
            server.send_signal(signal.SIGTERM)


def test_the_demo_tells_the_whole_story(tmp_path: Path, shell: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(ROOT / "examples" / "demo.py")],
        cwd=tmp_path,
        env=shell,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    for moment in (
        "Registered prod.ml_team.iris_model version 2",
        "This activation link was used before",
        "champion:  version 1",
        "prod.ml_team.iris_model@Champion is now version 2",
        "champion:  version 2",
        "not granted to you",
        "DENIED",
    ):
        assert moment in told
        told = told.split(moment, 1)[1]

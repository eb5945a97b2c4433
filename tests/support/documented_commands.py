"""Commands that the README and the how-to guides print, and a user who types them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.network.ports import default_port
from support.processes.virtual_environments import ROOT

README = (ROOT / "README.md").read_text()
GUIDES = ROOT / "docs" / "how-to"
SHARE_AND_LOAD = "Share and load a model: twenty lines"
LLM_PATH = "model-sharing path models:/vendor.llm.tiny@Champion"
SHARE_AN_LLM = "Share an LLM: ten lines"


def block(heading: str, language: str, number: int = 0, *, page: str = README) -> list[str]:
    """The lines of the nth code block of a language below a heading, without their comments."""
    section = page.split(f"# {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[number]
    lines = [line if language == "python" else line.split("  #")[0].rstrip() for line in found.splitlines()]
    return [line for line in lines if line]


@dataclass(frozen=True, slots=True)
class Reader:
    """A new user with a home, the repository's examples, and the programs of one environment."""

    home: Path
    programs: Path

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "examples", self.home / "examples", dirs_exist_ok=True)

    @property
    def provider_home(self) -> Path:
        return self.home / "data" / "model-sharing-provider"

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        own = {"HOME": str(self.home), "XDG_DATA_HOME": str(self.home / "data"), "PATH": path}
        return {**os.environ, **own}

    def types(self, line: str) -> str:
        return self._run(["bash", "-c", line])

    def runs(self, snippet: list[str]) -> str:
        return self._run([str(self.programs / "python"), "-W", "ignore", "-c", "\n".join(snippet)])

    def using(self, programs: Path) -> Reader:
        """User in another environment."""
        return Reader(self.home, programs)

    @contextlib.contextmanager
    def serving(self, serve: str) -> Iterator[None]:
        """While the server runs that a line starts in the background."""
        command = ["bash", "-c", "exec " + serve.removesuffix("&")]
        with (
            default_port(),
            subprocess.Popen(
                command, cwd=self.home, env=self.environment, stderr=subprocess.DEVNULL
            ) as server,
        ):
            try:
                while not (self.provider_home / "server.url").exists() and server.poll() is None:
                    time.sleep(0.05)
                yield
            finally:
                server.send_signal(signal.SIGTERM)

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=self.home, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout


def guide(name: str) -> str:
    """The text of one how-to guide."""
    return (GUIDES / f"{name}.md").read_text()


def follow(provider: Reader, recipient: Reader) -> None:
    """The provider's lines, the recipient's, and the REST snippet, each in the home they belong to."""
    administer, register = guide("run-a-provider"), guide("use-mlflow-and-databricks-sdk")
    serve, *commands = block(SHARE_AND_LOAD, "sh")
    with provider.serving(serve):
        link = activation_link(provider.types(line) for line in commands)
        for line in block(SHARE_AND_LOAD, "sh", 1):
            recipient.types(line.replace("<activation link>", link))
        for number in (0, 1):
            snippet = block(SHARE_AND_LOAD, "python", number)
            assert recipient.runs([*snippet, "print(type(model).__name__)"]) == "PyFuncModel\n"
        for line in block(SHARE_AN_LLM, "sh"):
            provider.types(line)
        assert (Path(recipient.types(LLM_PATH).strip()) / "model.safetensors").is_file()
        for line in block("Give colleagues access", "sh", page=administer):
            provider.types(line)
        exports = (
            f"MODEL_SHARING_PROVIDER_HOME={provider.provider_home}; "
            f"{'; '.join(block('MLflow', 'sh', page=register))}"
        )
        example = "python -W ignore examples/register_with_mlflow.py prod.ml_team.iris_model"
        assert "@Champion is version 2" in provider.types(f"{exports}; {example}")
        grant = "\n".join(block("Databricks SDK", "python", page=register))
        provider.types(f"{exports}; python -W ignore -c {shlex.quote(grant)}")
        shown = "model-sharing show models:/vendor.ml_team.iris_model@Champion --output json"
        assert json.loads(recipient.types(shown))["version"] == 2


def follow_apart(provider: Reader, recipient: Reader, loading: Path) -> None:
    """Examples for people who installed one extra only; models are made and loaded in another environment."""
    serve, train, *commands = block(SHARE_AND_LOAD, "sh")
    provider.using(loading).types(train)
    loader = recipient.using(loading)
    with provider.serving(serve):
        link = activation_link(provider.types(line) for line in commands)
        verify = block("Verify a download", "sh", page=guide("verify-downloads"))
        for line in (*block(SHARE_AND_LOAD, "sh", 1), *verify):
            recipient.types(line.replace("<activation link>", link))
        for line in block("Manage the cache", "sh", page=guide("manage-the-cache")):
            recipient.types(line.replace("vendor.fraud.*", "vendor.ml_team.*"))
        for number in (0, 1):
            snippet = block(SHARE_AND_LOAD, "python", number)
            assert loader.runs([*snippet, "print(type(model).__name__)"]) == "PyFuncModel\n"
        score = "python -W ignore examples/score_with_champion.py globex.share acme_share"
        assert "scores" in loader.types(score)
        loader.types("python -W ignore examples/load_with_mlflow.py")


def activation_link(said: Iterator[str]) -> str:
    """The link that one of the commands printed, once all ran."""
    (link,) = [text.strip() for text in list(said) if text.startswith("http")]
    return link

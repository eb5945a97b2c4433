"""The whole story in one run: a vendor shares a model, another company loads it, the vendor moves an alias.

    python examples/demo.py        (or: make demo)

Provider and recipient are separate processes with separate homes in a temporary folder, and talk over a real
socket: nothing passes between them but the activation link. Every command is shown as you would type it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text
from train_iris import train

EXAMPLES = Path(__file__).parent.resolve()
BIN = Path(sys.executable).parent
console = Console(highlight=False)


@dataclass(frozen=True)
class Company:
    """One side of the story: its folder, a home that only it has, and where its programs are."""

    name: str
    colour: str
    folder: Path
    home_variable: str
    settings: Mapping[str, str] = field(default_factory=dict)
    programs: Path = BIN

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.settings, self.home_variable: str(self.folder / "home")}

    def run(self, *command: str, fails: bool = False) -> str:
        """Show a command, run it, show and return what it printed."""
        typed = " ".join(f"{word[:64]}…" if len(word) > 80 else word for word in command)
        say(Text.assemble((f"  {self.name} ", f"bold {self.colour}"), ("$ ", "dim"), typed))
        program = [str(self.programs / command[0]), *command[1:]]
        if command[0] == "python":
            program[1] = str(EXAMPLES / command[1])
        done = subprocess.run(
            program, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        printed = (done.stdout + (done.stderr if fails else "")).rstrip()
        say(Text(textwrap.indent(printed, "      "), style="yellow" if fails else "dim"))
        if bool(done.returncode) != fails:
            sys.exit(f"the demo stops here: exit code {done.returncode}\n{done.stderr}")
        return done.stdout.strip()


def say(text: Text) -> None:
    """Print without wrapping, so that what is shown can be copied."""
    if text.plain:
        console.print(text, soft_wrap=True)


def chapter(title: str) -> None:
    console.print()
    console.rule(f"[bold]{title}", align="left", style="dim")


@contextmanager
def served(company: Company) -> Iterator[str]:
    """A company's server on a free port, by its address; it is stopped at the end."""
    command = [str(BIN / "model-sharing-provider"), "serve", "--port", "0"]
    log = (company.folder / "server.log").open("w")
    with log, subprocess.Popen(command, env=company.environment, stdout=log, stderr=log) as server:
        try:
            address = company.folder / "home" / "server.url"
            for _ in range(300):
                if address.exists() or server.poll() is not None:
                    break
                time.sleep(0.1)
            if not address.exists():
                sys.exit(f"the server did not start:\n{Path(log.name).read_text()}")
            console.print(
                f"  [bold {company.colour}]{company.name}[/] serves on {address.read_text()}"
                f"  [dim](home {address.parent})"
            )
            yield address.read_text()
        finally:
            server.send_signal(signal.SIGTERM)


def main() -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="model-sharing-demo-") as folder:
        acme = Company("acme", "blue", Path(folder) / "acme", "MODEL_SHARING_PROVIDER_HOME")
        globex = Company("globex", "green", Path(folder) / "globex", "MODEL_SHARING_HOME")
        for company in (acme, globex):
            company.folder.mkdir()
        console.print("[bold]Acme[/] builds models. [bold]Globex[/], another company, wants to use one.")
        chapter("1  Acme trains two models and registers them")
        for path, accuracy in train(acme.folder).items():
            console.print(f"  [bold blue]acme[/] trained [bold]{path.name}[/], accuracy {accuracy:.3f}")
        with served(acme):
            tell(acme, globex)
    console.print(f"\n[dim]Done in {time.monotonic() - started:.0f} s; both homes are gone again.")


def tell(acme: Company, globex: Company) -> None:
    provider = "model-sharing-provider"
    name = "prod.ml_team.iris_model"
    acme.run(provider, "catalog", "create", "prod")
    acme.run(provider, "schema", "create", "prod.ml_team")
    acme.run(provider, "model", "register", "iris_v1", name, "--alias", "Champion")
    acme.run(provider, "model", "register", "iris_v2", name)

    chapter("2  Acme shares the model with Globex")
    acme.run(provider, "share", "create", "acme_share")
    acme.run(provider, "share", "add-model", "acme_share", name)
    link = acme.run(provider, "recipient", "create", "globex", "--expires-in", "90d")
    acme.run(provider, "share", "grant", "acme_share", "globex")

    chapter("3  Globex opens the link, mounts the share, and looks around")
    globex.run("model-sharing", "activate", link, "globex.share")
    globex.run("model-sharing", "activate", link, "again.share", fails=True)
    globex.run(
        "model-sharing", "mount", "globex.share", "acme_share", "--as", "vendor", "--trust-remote-code"
    )
    globex.run("model-sharing", "list")
    globex.run("model-sharing", "show", "models:/vendor.ml_team.iris_model@Champion")

    chapter("4  Globex loads the champion, every byte verified, and scores three flowers")
    globex.run("python", "score_with_champion.py", "globex.share", "acme_share")

    chapter("5  Acme moves the alias; the same line at Globex loads the new version")
    acme.run(provider, "model", "alias", "set", name, "Champion", "2")
    globex.run("python", "score_with_champion.py", "globex.share", "acme_share")
    globex.run("python", "load_with_mlflow.py")

    chapter("6  Acme ends it: Globex sees nothing any more, and the log says who did what")
    acme.run(provider, "share", "revoke", "acme_share", "globex")
    globex.run("model-sharing", "list", "vendor", fails=True)
    acme.run(provider, "audit", "list", "--limit", "6")


if __name__ == "__main__":
    main()

"""A language model is shared, and used abroad by the programs that read the Hugging Face Hub.

    python examples/share_an_llm.py [--python PYTHON]

Acme shares a folder that `save_pretrained` of transformers might have written, under terms. Globex accepts
them, and uses the model by its path, and unchanged through `HF_ENDPOINT`: first at Acme's door, then at its
own, which answers from a cache where every byte was verified.

PYTHON is an interpreter that has huggingface_hub, for `hf download`; if it has transformers and torch, too,
the model speaks. Without, the story is told without these chapters.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from demo import BIN, Company, chapter, console, say, served
from rich.text import Text
from tiny_llm import write_tiny_llm

PROVIDER = "model-sharing-provider"
NAME = "prod.llm.tiny"
CHAMPION = "models:/vendor.llm.tiny@Champion"
TERMS = "For research. Do not let it decide anything.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    python = parser.parse_args().python.absolute()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="model-sharing-llm-") as folder:
        acme = Company("acme", "blue", Path(folder) / "acme", "MODEL_SHARING_PROVIDER_HOME")
        globex = Company("globex", "green", Path(folder) / "globex", "MODEL_SHARING_HOME")
        for company in (acme, globex):
            company.folder.mkdir()
        console.print("[bold]Acme[/] has a language model. [bold]Globex[/] uses transformers, and wants it.")
        chapter("1  Acme registers a folder in the format of Hugging Face")
        with served(acme) as address:
            register(acme)
            link = share(acme)
            mount(globex, link)
            if has(python, "huggingface_hub"):
                use_hub(acme, globex, address, python)
            else:
                console.print(f"\n  {python} has no huggingface_hub: its chapters are left out")
            end(acme, globex)
    console.print(f"\n[dim]Done in {time.monotonic() - started:.0f} s; both homes are gone again.")


def has(python: Path, module: str) -> bool:
    done = subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True)
    return done.returncode == 0


def register(acme: Company) -> None:
    for version, seed in enumerate((4, 7), 1):
        write_tiny_llm(acme.folder / f"tiny_v{version}", seed)
    acme.run(PROVIDER, "catalog", "create", "prod")
    acme.run(PROVIDER, "schema", "create", "prod.llm")
    acme.run(PROVIDER, "model", "register", "tiny_v1", NAME, "--alias", "Champion")
    acme.run(PROVIDER, "model", "register", "tiny_v2", NAME)


def share(acme: Company) -> str:
    """Share the model, under terms; the activation link."""
    chapter("2  Acme shares the model with Globex, under terms")
    (acme.folder / "TERMS.txt").write_text(TERMS)
    acme.run(PROVIDER, "share", "create", "acme_share")
    acme.run(PROVIDER, "share", "add-model", "acme_share", NAME)
    acme.run(PROVIDER, "share", "set-terms", "acme_share", "TERMS.txt", "--version", "1.0")
    link = acme.run(PROVIDER, "recipient", "create", "globex", "--expires-in", "90d")
    acme.run(PROVIDER, "share", "grant", "acme_share", "globex")
    return link


def mount(globex: Company, link: str) -> None:
    chapter("3  Globex accepts the terms, and has the verified files")
    globex.run("model-sharing", "activate", link, "globex.share")
    mount = ("model-sharing", "mount", "globex.share", "acme_share", "--as", "vendor")
    refused = globex.run(*mount, fails=True)
    digest = next(word for word in refused.split() if word.startswith("sha256:"))
    globex.run(*mount, "--accept-terms", digest)
    globex.run("model-sharing", "show", CHAMPION, "--files")
    globex.run("model-sharing", "path", CHAMPION)
    console.print('  so that: vllm serve "$(model-sharing path models:/vendor.llm.tiny@Champion)"')


def use_hub(acme: Company, globex: Company, address: str, python: Path) -> None:
    chapter("4  Programs that read the Hub read Acme's door, and follow the alias")
    token = json.loads((globex.folder / "globex.share").read_text())["bearerToken"]
    door = {"HF_ENDPOINT": f"{address}/hf/acme_share", "HF_TOKEN": token}
    ask(globex, door, python, "llm/tiny")
    acme.run(PROVIDER, "model", "alias", "set", NAME, "Champion", "2")
    ask(globex, door, python, "llm/tiny")
    chapter("5  The same at Globex's own door: what it gives was verified before")
    with cache_served(globex) as own:
        ask(globex, {"HF_ENDPOINT": own}, python, "vendor.llm/tiny")


def ask(globex: Company, door: dict[str, str], python: Path, repository: str) -> None:
    """Download the champion with the stock client and, where transformers is, let it speak."""
    shown = " ".join(f"{name}={'…' if name == 'HF_TOKEN' else value}" for name, value in door.items())
    say(Text.assemble(("  globex ", "bold green"), ("$ ", "dim"), f"export {shown}"))
    cache = {"HF_HOME": str(globex.folder / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    user = replace(globex, settings={**door, **cache}, programs=python.parent)
    user.run("hf", "download", repository, "--revision", "Champion", "--quiet")
    if has(python, "torch, transformers"):
        user.run("python", "ask_llm.py", repository, "Champion")


@contextmanager
def cache_served(globex: Company) -> Iterator[str]:
    """The door to Globex's cache, by its address; it is stopped at the end."""
    command = [str(BIN / "model-sharing"), "serve-cache", "--port", "0", "--output", "json"]
    with subprocess.Popen(command, env=globex.environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["endpoint"]
        finally:
            server.terminate()


def end(acme: Company, globex: Company) -> None:
    chapter("6  Acme ends it, and the log says who read which file")
    acme.run(PROVIDER, "share", "revoke", "acme_share", "globex")
    globex.run("model-sharing", "list", "vendor", fails=True)
    acme.run(PROVIDER, "audit", "list", "--limit", "8")


if __name__ == "__main__":
    main()

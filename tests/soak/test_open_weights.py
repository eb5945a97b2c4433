"""transformers, diffusers, sentence-transformers, peft and gguf read a share as they read the Hub.

Small models are made on the spot. Whatever the way, the same weights compute the same numbers on both sides.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.names import FullName
from support.admin_client import AdminClient
from support.processes.cache_server import running_cache_server
from support.processes.provider import SHARE, ProviderProcess, as_admin, write_profile_for
from support.processes.virtual_environments import ROOT, SOURCES, virtual_environment

PROGRAM = Path(__file__).with_name("weights_story.py")
# Whatever build of it there is: the one for CPUs takes 0.9 GB, the one for GPUs several.
TORCH = "torch==2.13.0"
KINDS = {
    "llm": "transformers==5.24.0",
    "adapter": "peft==0.21.2",
    "diffusers": "diffusers==0.42.1",
    "sentences": "sentence-transformers==6.2.0",
    "gguf": "gguf==0.19.0",
}
"""Kinds of models, and the library that reads them."""
# Of the first major release whose client is `huggingface_hub` 0.x, over `requests`.
TRANSFORMERS_4 = {"llm": "transformers==4.57.6"}


@dataclass(frozen=True)
class Companies:
    """Acme's server and models, and somebody at Globex, to whom they are shared, who has these libraries."""

    acme: ProviderProcess
    token: str
    scientist: Scientist
    models: Mapping[str, Path]
    second_llm: Path

    @property
    def door(self) -> str:
        return f"{self.acme.url}/hf/{SHARE}"

    @property
    def here(self) -> list[str]:
        """The first version of each, by kind and folder."""
        return in_turn(self.models)

    def there(self, repository: str) -> list[str]:
        """The same behind a door, by kind and `repository`, which has a place for the kind."""
        return in_turn({kind: repository.format(kind) for kind in self.models})

    def load_from(self, door: str, *pairs: str) -> list[list[float]]:
        return self.scientist.load(*pairs, HF_HUB_OFFLINE="0", HF_ENDPOINT=door, HF_TOKEN=self.token)

    def move_champion(self, version: int) -> None:
        async def move(admin: AdminClient) -> None:
            name = FullName.parse("prod.llm.llm")
            await admin.provider.models.set_alias(admin.context, name, "Champion", version)

        as_admin(self.acme.home, move)


@dataclass(frozen=True)
class Scientist:
    """Interpreter with libraries, and a folder for their cache."""

    python: Path
    folder: Path

    def save(self, seed: int, kinds: Mapping[str, Path]) -> None:
        pairs = [str(word) for pair in kinds.items() for word in pair]
        self._run({"HF_HUB_OFFLINE": "1"}, "save", str(seed), *pairs)

    def load(self, *pairs: str, **settings: str) -> list[list[float]]:
        """What each model computes, by kinds and sources; with no door to ask unless `settings` name one."""
        said = self._run({"HF_HUB_OFFLINE": "1", **settings}, "load", *pairs)
        found: list[list[float]] = json.loads(said.splitlines()[-1])
        return found

    def _run(self, settings: Mapping[str, str], *arguments: str) -> str:
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": SOURCES}
        done = subprocess.run(
            [self.python, "-W", "ignore", PROGRAM, *arguments],
            env={**os.environ, "HF_HOME": str(self.folder / "hf"), **quiet, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout


def in_turn(sources: Mapping[str, object]) -> list[str]:
    """Kinds and sources, as the program takes them; an adapter's source has that of its base before it."""
    named = {kind: str(source) for kind, source in sources.items()}
    if "adapter" in named:
        named["adapter"] = f"{named['llm']},{named['adapter']}"
    return [word for pair in named.items() for word in pair]


@pytest.fixture(scope="module", params=[TRANSFORMERS_4, KINDS], ids=["transformers 4", "newest"])
def companies(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Companies]:
    folder = tmp_path_factory.mktemp("companies")
    packages = (TORCH, *request.param.values())
    scientist = Scientist(virtual_environment(*packages, name="weights+" + "+".join(packages)), folder)
    # An adapter looks for the model that it is for, the llm, beside itself.
    models = {kind: folder / "models" / kind for kind in request.param}
    second = folder / "second" / "llm"
    scientist.save(1, models)
    scientist.save(2, {"llm": second})
    names = {kind: f"prod.llm.{kind}" for kind in models}

    async def share(admin: AdminClient) -> str:
        for kind, name in names.items():
            await admin.register(models[kind], name, "Champion")
        await admin.register(second, names["llm"])
        code = await admin.share(SHARE, "globex", *names.values())
        return (await admin.activate(code, "http://unused.example")).bearer_token

    with ProviderProcess(folder / "acme") as acme:
        yield Companies(acme, as_admin(acme.home, share), scientist, models, second)


def test_each_library_reads_its_models_through_the_door(companies: Companies) -> None:
    there = companies.load_from(companies.door, *companies.there("llm/{}@Champion"))
    assert there == companies.scientist.load(*companies.here)


def test_a_language_model_by_number_and_by_an_alias_that_moves(companies: Companies) -> None:
    folders = [companies.models["llm"], companies.second_llm]
    first, second = companies.scientist.load(*[word for at in folders for word in ("llm", str(at))])
    assert first != second
    asked = ["llm/llm@1", "llm/llm@2", "llm/llm@Champion", "llm/llm"]
    pairs = [word for source in asked for word in ("llm", source)]
    companies.move_champion(1)
    assert companies.load_from(companies.door, *pairs) == [first, second, first, second]
    companies.move_champion(2)
    assert companies.load_from(companies.door, *pairs) == [first, second, second, second]


@pytest.fixture
def mounted(companies: Companies) -> Companies:
    """Globex has mounted the share as `vendor`."""
    profile = write_profile_for(
        companies.scientist.folder / "globex.share", companies.token, companies.acme.port
    )
    model_sharing.mount(profile, share=SHARE, name="vendor")
    return companies


def test_each_library_reads_its_models_by_their_verified_path(mounted: Companies) -> None:
    paths = {kind: str(model_sharing.path(f"models:/vendor.llm.{kind}/1")) for kind in mounted.models}
    assert mounted.scientist.load(*in_turn(paths)) == mounted.scientist.load(*mounted.here)
    if "gguf" in mounted.models:
        file = Path(model_sharing.path("models:/vendor.llm.gguf/1", file="*.gguf"))
        assert file.read_bytes() == (mounted.models["gguf"] / file.name).read_bytes()


def test_each_library_reads_its_models_through_the_caches_door(
    mounted: Companies, recipient_home: Path
) -> None:
    with running_cache_server(recipient_home, mounted.scientist.folder / "serve-cache.log") as door:
        there = mounted.load_from(door, *mounted.there("vendor.llm/{}@1"))
    assert there == mounted.scientist.load(*mounted.here)


def test_the_example_lets_the_model_speak(companies: Companies, tmp_path: Path) -> None:
    example = ROOT / "examples" / "share_an_llm.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", example, "--python", companies.scientist.python],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("a model that others that a that", "a model that model others load that"):
        assert words in done.stdout

"""The stock verifier of model signatures judges what we sign and hand out as we do ourselves.

It has packages of its own, among them one that it forgets to ask for: it gets an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing_protocol.errors import UnsafePath, UntrustedSignature
from model_sharing_protocol.profile import write_profile
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.processes.virtual_environments import virtual_environment

VERIFIER = ("model-signing==1.1.1", "pyOpenSSL")
REF = "models:/vendor.ml_team.scorer/1"
FILES = {
    "model.pkl": bytes(range(256)) * 40,
    "data/a/b.bin": b"deep",
    "data/base/.gitattributes": b"*.bin filter=lfs",
    "data/a-b.bin": b"sorted before a folder by its letters, after it by its parts",
    "empty": b"",
    "name with spaces \u00fc.txt": b"text",
}
JUDGE = """
import json, sys
from model_signing import verifying

key, signature, *folders = sys.argv[1:]
verdicts = []
for folder in folders:
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=key).verify(folder, signature)
        verdicts.append(True)
    except Exception as error:
        verdicts.append(False)
print(json.dumps(verdicts))
"""


LEFT_OUT = """
import json, sys
from pathlib import Path
from model_signing import hashing

folder = Path(sys.argv[1])
signed = {entry.identifier for entry in hashing.Config().hash(folder).resource_descriptors()}
files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
print(json.dumps(sorted(files - signed)))
"""


@dataclass(frozen=True)
class Download:
    """A version as its recipient has it on disk: its folder, its signature, the key it should be by."""

    catalog: model_sharing.Catalog
    folder: Path
    signature: Path
    key: Path

    def accepted(self, folder: Path) -> bool:
        """Our verdict on another folder under the same signature."""
        try:
            self.catalog.verify(REF, folder, self.signature)
        except UntrustedSignature:
            return False
        return True


@pytest.fixture(scope="session")
def stock_python() -> Path:
    """The interpreter of an environment that holds the stock verifier."""
    return virtual_environment(*VERIFIER)


@pytest.fixture
async def download(
    admin: AdminClient, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Download:
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "recipient"))
    await admin.register(write_model(tmp_path / "m", FILES), "prod.ml_team.scorer")
    profile = await admin.activate(await admin.share("acme", "globex", "prod.ml_team.scorer"), endpoint)
    write_profile(profile.to_json(), tmp_path / "globex.share")
    folder, key = tmp_path / "out" / "scorer", tmp_path / "vendor.pem"
    folder.parent.mkdir()

    def fetch() -> model_sharing.Catalog:
        catalog = model_sharing.mount(tmp_path / "globex.share", share="acme", name="vendor")
        catalog.download(REF, folder)
        return catalog

    catalog = await asyncio.to_thread(fetch)
    key.write_text(catalog.mount.keys[-1])
    return Download(catalog, folder, folder.with_name("scorer.sig"), key)


@pytest.fixture(autouse=True)
def no_connections_left() -> Iterator[None]:
    yield
    blocking.close()


def run(python: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [python, "-W", "ignore", *arguments]
    environment = {**os.environ, "PYTHONPATH": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_the_stock_command_accepts_a_download_and_refuses_a_changed_one(
    download: Download, stock_python: Path
) -> None:
    def verify() -> subprocess.CompletedProcess[str]:
        given: list[str | Path] = ["--signature", download.signature, "--public_key", download.key]
        return run(stock_python, "-m", "model_signing", "verify", "key", download.folder, *given)

    done = await asyncio.to_thread(verify)
    assert (done.returncode, done.stdout) == (0, "Verification succeeded\n"), done.stderr
    assert download.accepted(download.folder)
    (download.folder / "MLmodel").write_text("flavors: {}")
    assert (await asyncio.to_thread(verify)).returncode != 0
    assert not download.accepted(download.folder)


def tamperings(seed: int) -> dict[str, Callable[[Path], object]]:
    """Ways to change a folder, by what each does: a random bit of each file in turn, and more."""
    chance = random.Random(seed)

    def flip(folder: Path, path: str) -> None:
        content = bytearray((folder / path).read_bytes() or b"\0")
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        (folder / path).write_bytes(content)

    def delete(folder: Path, path: str) -> None:
        (folder / path).unlink()

    def link(folder: Path, path: str) -> None:
        """Link to the same bytes outside of the folder."""
        (folder / path).symlink_to((folder / path).rename(folder.with_name("outside")))

    def swap(path: Path, other: Path) -> None:
        first, second = path.read_bytes(), other.read_bytes()
        path.write_bytes(second)
        other.write_bytes(first)

    paths = ["MLmodel", *FILES]
    one, two = chance.sample(paths, 2)
    return {
        **{
            f"{way.__name__} {path}": partial(way, path=path)
            for way in (flip, delete, link)
            for path in paths
        },
        f"swap {one} and {two}": lambda folder: swap(folder / one, folder / two),
        f"rename {one}": lambda folder: (folder / one).rename(folder / "renamed"),
        "add": lambda folder: (folder / "planted.py").write_bytes(chance.randbytes(9)),
        "add below": lambda folder: (folder / "data" / "a" / "planted").touch(),
        "add hidden": lambda folder: (folder / ".hidden").touch(),
        "link a folder": lambda folder: (folder / "more").symlink_to(folder / "data"),
        "link to nothing": lambda folder: (folder / "dangling").symlink_to("nowhere"),
        "nothing": lambda folder: None,
        "touch": lambda folder: (folder / one).touch(),
        "an empty folder": lambda folder: (folder / "nothing").mkdir(),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_both_verdicts_agree_whatever_is_changed(
    download: Download, stock_python: Path, tmp_path: Path, seed: int
) -> None:
    folders: list[Path] = []
    changes = tamperings(seed)
    for number, change in enumerate(changes.values()):
        folder = tmp_path / "tampered" / str(number) / "scorer"
        shutil.copytree(download.folder, folder)
        change(folder)
        folders.append(folder)
    judged = await asyncio.to_thread(
        run, stock_python, "-c", JUDGE, download.key, download.signature, *folders
    )
    assert judged.returncode == 0, judged.stderr
    theirs = dict(zip(changes, json.loads(judged.stdout), strict=True))
    ours = dict(zip(changes, map(download.accepted, folders), strict=True))
    assert ours == theirs
    assert {name for name, accepted in ours.items() if accepted} == {"nothing", "touch", "an empty folder"}


NAMES = [
    ".git",
    ".gitattributes",
    ".gitignore",
    ".github",
    ".gitmodules",
    ".gitkeep",
    ".hg",
    ".cache",
    "README.md",
]


async def test_what_the_stock_verifier_leaves_out_is_in_no_model(
    admin: AdminClient, stock_python: Path, tmp_path: Path
) -> None:
    """Else it would miss files that we signed, and call our signature wrong."""
    paths = [f"{below}{name}{file}" for name in NAMES for below in ("", "data/") for file in ("", "/x")]
    left_out: set[str] = set()
    for number, group in enumerate((paths[::2], paths[1::2])):  # a name is a file, or a folder
        folder = write_model(tmp_path / str(number), dict.fromkeys(group, b"x"))
        found = await asyncio.to_thread(run, stock_python, "-c", LEFT_OUT, folder)
        assert found.returncode == 0, found.stderr
        left_out |= set(json.loads(found.stdout))
    assert {path.split("/")[0] for path in left_out} == {".git", ".gitattributes", ".gitignore", ".github"}
    for number, path in enumerate(sorted(left_out)):
        with pytest.raises(UnsafePath, match=r"git.*remove it"):
            await admin.register(write_model(tmp_path / f"m{number}", {path: b"x"}), "prod.ml_team.scorer")


async def test_what_was_put_into_a_download_later_only_the_stock_verifier_passes_over(
    download: Download, stock_python: Path
) -> None:
    (download.folder / ".git").mkdir()
    (download.folder / ".git" / "config").write_text("[core]")
    arguments = (download.key, download.signature, download.folder)
    judged = await asyncio.to_thread(run, stock_python, "-c", JUDGE, *arguments)
    assert json.loads(judged.stdout) == [True]
    assert not download.accepted(download.folder)

"""Files for other programs: their path in the cache, or a copy of some of them in a folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.store import Cache
from model_sharing_protocol.chunk_maps import ChunkMap, ChunkMapWriter, write_maps
from model_sharing_protocol.errors import InvalidParameter, NotFound, UntrustedCode, UntrustedSignature
from support.fake_provider.models import SHARE, digest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.recipient_cli import RunCli

URI = "models:/vendor.llm.tiny@Champion"
Q4, Q8 = random_bytes(40_000, 4), random_bytes(80_000, 8)
FILES = {
    "config.json": b"{}",
    "tiny-Q4_K_M.gguf": Q4,
    "tiny-Q8_0.gguf": Q8,
    "f16/tiny-00001-of-00002.gguf": random_bytes(30_000, 1),
    "f16/tiny-00002-of-00002.gguf": random_bytes(30_000, 2),
}


@pytest.fixture
def llm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.publish("llm.tiny", 1, FILES, "Champion")
    return fake_provider


@pytest.mark.usefixtures("llm")
def test_a_path_is_the_folder_of_all_files_of_some_or_one_file() -> None:
    assert read_tree(model_sharing.path(URI)) == FILES
    assert read_tree(model_sharing.path(URI, exclude=["f16/", "*Q8*"])).keys() == {
        "config.json",
        "tiny-Q4_K_M.gguf",
    }
    assert model_sharing.path(URI, file="*Q4_K_M.gguf").read_bytes() == Q4
    first = model_sharing.path(URI, file="f16/*")
    assert first.name == "tiny-00001-of-00002.gguf"
    assert (first.parent / "tiny-00002-of-00002.gguf").read_bytes() == FILES["f16/tiny-00002-of-00002.gguf"]


@pytest.mark.usefixtures("llm")
def test_a_path_can_be_awaited() -> None:
    async def paths() -> tuple[Path, int]:
        async with model_sharing.AsyncCatalog("vendor") as catalog:
            plan = await catalog.plan_download("llm.tiny@Champion", file="*Q8_0.gguf")
            return await catalog.path("llm.tiny@Champion", file="config.json"), plan.fetched

    path, planned = asyncio.run(paths())
    assert (path.read_bytes(), planned) == (b"{}", len(Q8))


def test_the_command_prints_the_path_and_nothing_else(llm: FakeProvider, run_cli: RunCli) -> None:
    done = run_cli("path", URI, "--file", "*Q4_K_M.gguf")
    assert (done.returncode, done.stderr) == (0, "")
    path = Path(done.stdout.removesuffix("\n"))
    assert path.read_bytes() == Q4
    assert llm.file_bytes_sent == len(Q4)
    llm.stop()
    again = run_cli("path", URI, "--file", "*Q4_K_M.gguf")
    assert again.stdout == done.stdout
    assert again.stderr.startswith("warning: ")
    answer = json.loads(run_cli("path", URI, "--include", "*Q4*", "--output", "json").stdout)
    assert (answer["version"], answer["size"], answer["fetched"]) == (1, len(Q4), 0)
    assert [file["path"] for file in answer["files"]] == ["tiny-Q4_K_M.gguf"]
    assert read_tree(Path(answer["path"])) == {"tiny-Q4_K_M.gguf": Q4}


@pytest.mark.usefixtures("llm")
def test_what_does_not_name_one_file_ends_with_an_error_and_no_path(run_cli: RunCli) -> None:
    several = run_cli("path", URI, "--file", "tiny*.gguf")
    assert (several.returncode, several.stdout) == (InvalidParameter.row.exit_code, "")
    assert "'tiny-Q4_K_M.gguf', 'tiny-Q8_0.gguf'" in several.stderr
    none = run_cli("path", URI, "--file", "*Q2*")
    assert (none.returncode, none.stdout) == (NotFound.row.exit_code, "")


def test_a_dry_run_tells_what_would_be_fetched_and_fetches_nothing(
    llm: FakeProvider, run_cli: RunCli, cache: Cache, tmp_path: Path
) -> None:
    model_sharing.path(URI, file="*Q4_K_M.gguf")
    llm.requests.clear()
    before = read_tree(cache.root / "selections")
    plan = json.loads(run_cli("path", URI, "--include", "tiny*", "--dry-run", "--output", "json").stdout)
    assert (plan["size"], plan["fetched"], plan["reused"]) == (len(Q4) + len(Q8), len(Q8), len(Q4))
    assert {file["path"]: file["fetched"] for file in plan["files"]} == {
        "tiny-Q4_K_M.gguf": 0,
        "tiny-Q8_0.gguf": len(Q8),
    }
    shown = run_cli("download", URI, "out", "--include", "tiny*", "--dry-run").stdout
    assert (
        "Would fetch 78.1 KiB of 117.2 KiB for vendor.llm.tiny version 1; 39.1 KiB are in the cache." in shown
    )
    assert "tiny-Q8_0.gguf    78.1 KiB  78.1 KiB" in shown
    assert not (tmp_path / "out").exists()
    assert llm.file_requests() == []
    assert read_tree(cache.root / "selections") == before


def test_a_dry_run_counts_what_other_versions_have(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    """Chunks in another version's file need not be fetched, and a dry run makes no folder and no entry."""
    blocks = [random_bytes(200_000, seed) for seed in range(10)]
    after = [random_bytes(150_000, 99), *blocks[1:]]
    fake_provider.chunk_maps = lambda files: write_maps(
        chunk_map(files["model.gguf"], after if files["model.gguf"] == b"".join(after) else blocks)
    )
    fake_provider.publish("llm.tiny", 1, {"model.gguf": b"".join(blocks)})
    fake_provider.publish("llm.tiny", 2, {"model.gguf": b"".join(after)})
    vendor.path("llm.tiny/1", file="*.gguf")
    entries = sorted(path.name for path in cache.manifests.iterdir())
    plan = vendor.plan_download("llm.tiny/2")
    assert (plan.fetched, plan.reused) == (150_000, 1_800_000)
    assert sorted(path.name for path in cache.manifests.iterdir()) == entries
    assert vendor.snapshot("llm.tiny/2").fetched == plan.fetched


def chunk_map(content: bytes, blocks: list[bytes]) -> Iterator[ChunkMap]:
    writer = ChunkMapWriter()
    for block in blocks:
        writer.add(len(block), sha256(block).digest())
    yield writer.finish(digest_of(content))


def test_some_files_are_downloaded_and_verified_as_such(
    llm: FakeProvider, vendor: model_sharing.Catalog, run_cli: RunCli, tmp_path: Path
) -> None:
    done = run_cli("download", "models:/vendor.llm.tiny/1", "out", "--include", "*.json", "--include", "f16/")
    assert done.stdout == "Downloaded files (3) of vendor.llm.tiny version 1 (58.6 KiB) to out\n"
    assert read_tree(tmp_path / "out").keys() == {path for path in FILES if not path.startswith("tiny")}
    assert llm.file_bytes_sent == 60_002
    checked = run_cli("verify", "models:/vendor.llm.tiny/1", "out", "--exclude", "tiny*")
    assert checked.stdout.startswith("out holds the files asked for of vendor.llm.tiny/1: its 3 files are as")
    for options in ((), ("--include", "f16/"), ("--exclude", "*.json")):
        whole = run_cli("verify", "models:/vendor.llm.tiny/1", "out", *options)
        assert whole.returncode == UntrustedSignature.row.exit_code
    (tmp_path / "out" / "config.json").write_bytes(b"[]")
    with pytest.raises(UntrustedSignature, match=r"config\.json"):
        vendor.verify("llm.tiny/1", tmp_path / "out", exclude="tiny*")
    version = vendor.download("llm.tiny/1", tmp_path / "one", file="*Q8_0.gguf")
    assert (version.files, version.fetched) == (("tiny-Q8_0.gguf",), len(Q8))
    assert vendor.download("llm.tiny/1", tmp_path / "all").files is None


def test_files_that_act_unasked_are_given_to_nobody_without_trust(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, profile: Path
) -> None:
    fake_provider.publish("llm.odd", 1, {"config.json": b"{}", ".envrc": b"rm -rf /"}, "Champion")
    for ask in (vendor.path, vendor.plan_download):
        with pytest.raises(UntrustedCode, match=r"'\.envrc'"):
            ask("llm.odd@Champion")
    assert fake_provider.file_requests() == []
    assert read_tree(vendor.path("llm.odd@Champion", exclude=".*")) == {"config.json": b"{}"}
    whole = vendor.path("llm.odd@Champion", trust_remote_code=True)
    assert ".envrc" in read_tree(whole)
    trusted = model_sharing.mount(profile, share=SHARE, name="trusted", trust_remote_code=True)
    assert ".envrc" in read_tree(trusted.path("llm.odd@Champion"))

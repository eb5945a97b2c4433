"""Pruning in one process never removes what another one uses, however the user ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import model_sharing
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.store import Cache
from model_sharing.downloads.part_file import RANGE_BYTES
from support.cached_versions import DAY, NAME, bytes_on_disk, files_of, whole
from support.fake_provider.faults import slowly
from support.fake_provider.server import FakeProvider
from support.files import random_bytes, read_tree
from support.patience import PATIENCE
from support.recipient_cli import RunCli

HOLD = textwrap.dedent(
    """
    import sys, model_sharing
    folder = model_sharing.catalog("vendor").snapshot(sys.argv[1]).folder
    print(folder, flush=True)
    {then}
    """
)
FORK = "import os\nif os.fork(): os._exit(0)\nsys.stdin.read()"


@contextmanager
def holder(ref: str, then: str = "sys.stdin.read()") -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has this version."""
    command = [sys.executable, "-c", HOLD.format(then=then), ref]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        yield process, folder


def test_what_this_process_has_stays_and_what_it_copied_out_does_not(
    vendor: model_sharing.Catalog, cache: Cache, three_cached_versions: list[str], tmp_path: Path
) -> None:
    folder = vendor.snapshot(f"{NAME}/1").folder
    vendor.download(f"{NAME}/2", tmp_path / "out")
    pruned = prune(cache, PruningLimits(max_size=0))
    assert {entry.digest for entry in pruned.removed} == set(three_cached_versions[1:])
    assert pruned.in_use == 1
    assert read_tree(folder) == files_of(1)
    assert whole(cache) == {three_cached_versions[0]}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "terminated", "done"])
def test_what_another_process_has_stays_until_it_ends(
    cache: Cache, three_cached_versions: list[str], run_cli_process: RunCli, end: signal.Signals | None
) -> None:
    with holder(f"{NAME}/1") as (process, folder):
        done = run_cli_process("cache", "prune", "--max-size", "0")
        assert "1 more would have to go, but running processes use them." in done.stdout
        assert read_tree(folder) == files_of(1)
        listed = json.loads(run_cli_process("cache", "list", "--output", "json").stdout)["versions"]
        assert [(version["version"], version["in_use"]) for version in listed] == [(1, True)]
        if end is not None:
            process.send_signal(end)
        else:
            process.communicate()
        process.wait()
        assert len(prune(cache, PruningLimits(max_size=0)).removed) == 1
    assert not folder.exists()


def test_a_forked_child_keeps_what_its_parent_had(cache: Cache, three_cached_versions: list[str]) -> None:
    with holder(f"{NAME}/1", FORK) as (process, folder):
        process.wait()
        assert prune(cache, PruningLimits(max_size=0)).in_use == 1
        assert read_tree(folder) == files_of(1)
        assert process.stdin is not None
        process.stdin.close()
        deadline = time.monotonic() + PATIENCE
        while folder.exists() and time.monotonic() < deadline:
            prune(cache, PruningLimits(max_size=0))
    assert not folder.exists()


def test_a_view_for_mlflow_stays_while_it_is_used_and_goes_with_its_version(
    vendor: model_sharing.Catalog, cache: Cache, three_cached_versions: list[str]
) -> None:
    manifest = vendor.snapshot(f"{NAME}/1").manifest
    view = cache.view(manifest, "key", writable=frozenset())
    cache.release(manifest.digest)
    assert prune(cache, PruningLimits(max_size=0)).in_use == 1
    assert read_tree(view) == files_of(1)
    cache.release(manifest.digest)
    prune(cache, PruningLimits(max_size=0))
    assert not view.exists()
    assert bytes_on_disk(cache.blobs) == 0


def test_pruning_all_the_time_breaks_no_download(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache, tmp_path: Path
) -> None:
    """Four processes load and copy out; two remove everything they may, as fast as they can."""
    for version in range(1, 5):
        fake_provider.publish(
            NAME, version, files_of(version) | {f"{n}.bin": random_bytes(500, n) for n in range(40)}
        )
    load = textwrap.dedent(
        """
        import os, random, sys, hashlib, model_sharing
        from pathlib import Path
        catalog = model_sharing.catalog("vendor")
        dice = random.Random(int(sys.argv[1]))
        for round in range(15):
            version = dice.randint(1, 4)
            out = Path(sys.argv[2]) / f"{sys.argv[1]}-{round}"
            catalog.download(f"ml_team.iris_model/{version}", out)
            assert (out / "MLmodel").read_bytes() == b"%d" % version and len(list(out.iterdir())) == 43
        folder = catalog.snapshot("ml_team.iris_model/1").folder
        assert len([path.read_bytes() for path in folder.iterdir()]) == 43
        """
    )
    erase = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from model_sharing.cache.store import Cache
        from model_sharing.cache.maintenance.pruning import PruningLimits, prune
        removed = 0
        while not Path(sys.argv[2]).exists():
            removed += len(prune(Cache(Path(sys.argv[1])), PruningLimits(max_size=0)).removed)
        print(removed)
        """
    )
    stop = tmp_path / "stop"
    erasers = [
        subprocess.Popen([sys.executable, "-c", erase, cache.root, stop], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    loaders = [
        subprocess.Popen(
            [sys.executable, "-c", load, str(number), tmp_path], stderr=subprocess.PIPE, text=True
        )
        for number in range(4)
    ]
    try:
        errors = [loader.communicate(timeout=PATIENCE)[1] for loader in loaders]
    finally:
        stop.touch()
        removed = [eraser.communicate(timeout=PATIENCE)[0] for eraser in erasers]
    assert not any(errors), "".join(errors)
    assert sum(map(int, removed)) > 0
    whole(cache)


def test_a_download_under_way_is_left_alone_and_one_given_up_is_swept_a_day_later(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    large = {"model.bin": random_bytes(2 * RANGE_BYTES), "small.bin": b"s"}
    fake_provider.publish(NAME, 1, large)
    fake_provider.default_fault = slowly(0.02)
    command = [sys.executable, "-c", HOLD.format(then=""), f"{NAME}/1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while fake_provider.file_bytes_sent < 4 * 1024 * 1024:
        time.sleep(0.01)
    assert prune(cache, PruningLimits(max_size=0)).in_use == 1
    process.kill()
    process.wait()
    assert prune(cache, PruningLimits()).removed == ()
    assert list(cache.blobs.glob("*.part"))
    assert len(prune(cache, PruningLimits(), now=time.time() + 1.1 * DAY).removed) == 1
    assert not any(cache.blobs.iterdir())

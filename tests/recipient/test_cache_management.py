"""The cache gives back what is not used, and never what is."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipient.conftest import RunCli, content, tree
from recipient.peer import Peer, manifest_of, slowly

import model_sharing
from model_sharing.cache import Cache
from model_sharing.downloads.parts import RANGE_BYTES
from model_sharing.settings import parse_size
from model_sharing.upkeep.contents import survey
from model_sharing.upkeep.pruning import CacheWarning, Limits, Pruned, prune
from model_sharing.upkeep.verifying import verify
from model_sharing_protocol.errors import CorruptArtifact, InvalidParameter

NAME = "ml_team.iris_model"
COMMON = content(40_000, 99)
DAY = 86_400


def files_of(version: int) -> dict[str, bytes]:
    """30,000 bytes of its own, 40,000 that all versions share, and one."""
    return {"MLmodel": b"%d" % version, "own.bin": content(30_000, version), "common.bin": COMMON}


@pytest.fixture
def cache(home: Path) -> Cache:
    return Cache(home / "cache")


@pytest.fixture
def three(peer: Peer, vendor: model_sharing.Catalog, cache: Cache) -> list[str]:
    """Versions 1 to 3 are cached and held by nobody; version 1 was used three days ago, 3 one day ago."""
    for version in (1, 2, 3):
        peer.publish(NAME, version, files_of(version), f"v-{version}")
    model_sharing.pull("vendor")
    digests = [manifest_of(files_of(version)).digest for version in (1, 2, 3)]
    for age, digest in zip((3, 2, 1), digests, strict=True):
        used(cache, digest, days_ago=age)
    peer.requests.clear()
    return digests


def used(cache: Cache, digest: str, *, days_ago: float) -> None:
    moment = time.time() - days_ago * DAY
    os.utime(cache.manifests / f"{digest.removeprefix('sha256:')}.json", (moment, moment))


def bytes_on_disk(folder: Path) -> int:
    files = {
        (s.st_dev, s.st_ino): s.st_size for path in folder.rglob("*") if path.is_file() and (s := path.stat())
    }
    return sum(files.values())


def whole(cache: Cache) -> set[str]:
    """The digests of the snapshots that are there; each is as it should be, and so is each of its blobs."""
    found = set()
    for folder in cache.snapshots.iterdir():
        manifest = cache.manifest(f"sha256:{folder.name}")
        assert manifest is not None
        assert {name: sha256(data).hexdigest() for name, data in tree(folder).items()} == {
            file.path: file.sha256 for file in manifest.files
        }
        assert all(cache.has_blob(file, verify=True) for file in manifest.files)
        found.add(manifest.digest)
    return found


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


def test_least_recently_used_goes_first_and_the_bytes_freed_are_true(cache: Cache, three: list[str]) -> None:
    before = bytes_on_disk(cache.blobs)
    assert before == 3 * 30_001 + 40_000
    pruned = prune(cache, Limits(max_size=100_100))
    assert [entry.digest for entry in pruned.removed] == three[:1]
    assert (pruned.freed, pruned.remaining, pruned.in_use) == (30_001, 100_002, 0)
    assert bytes_on_disk(cache.root / "blobs") == before - pruned.freed
    assert whole(cache) == set(three[1:])


def test_what_was_not_used_for_long_goes(cache: Cache, three: list[str]) -> None:
    assert len(prune(cache, Limits(older_than=1.5 * DAY)).removed) == 2
    assert whole(cache) == {three[2]}
    assert prune(cache, Limits(older_than=0)).freed == 70_001
    assert not any(cache.blobs.iterdir())
    assert not any(cache.manifests.iterdir())
    assert not any(cache.tmp.iterdir())


def test_a_dry_run_says_the_same_and_touches_nothing(cache: Cache, three: list[str]) -> None:
    before = tree(cache.root)
    dry = prune(cache, Limits(max_size=0), dry_run=True)
    assert tree(cache.root) == before
    assert described(dry) == described(prune(cache, Limits(max_size=0)))


def described(pruned: Pruned) -> tuple[list[str], int, int]:
    return [entry.digest for entry in pruned.removed], pruned.freed, pruned.remaining


def test_a_use_makes_it_recent_again_with_one_write_an_hour(
    vendor: model_sharing.Catalog, cache: Cache, three: list[str]
) -> None:
    record = cache.manifests / f"{three[0].removeprefix('sha256:')}.json"
    vendor.snapshot(f"{NAME}/1")
    first = record.stat().st_mtime_ns
    assert time.time() - first / 1e9 < 60
    vendor.snapshot(f"{NAME}/1")
    assert record.stat().st_mtime_ns == first


def test_what_this_process_has_stays_and_what_it_copied_out_does_not(
    vendor: model_sharing.Catalog, cache: Cache, three: list[str], tmp_path: Path
) -> None:
    folder = vendor.snapshot(f"{NAME}/1").folder
    vendor.download(f"{NAME}/2", tmp_path / "out")
    pruned = prune(cache, Limits(max_size=0))
    assert {entry.digest for entry in pruned.removed} == set(three[1:])
    assert pruned.in_use == 1
    assert tree(folder) == files_of(1)
    assert whole(cache) == {three[0]}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=["killed", "terminated", "done"])
def test_what_another_process_has_stays_until_it_ends(
    cache: Cache, three: list[str], run_cli: RunCli, end: signal.Signals | None
) -> None:
    with holder(f"{NAME}/1") as (process, folder):
        done = run_cli("cache", "prune", "--max-size", "0")
        assert "1 more would have to go, but running processes use them." in done.stdout
        assert tree(folder) == files_of(1)
        listed = json.loads(run_cli("cache", "list", "--output", "json").stdout)["versions"]
        assert [(version["version"], version["in_use"]) for version in listed] == [(1, True)]
        if end is not None:
            process.send_signal(end)
        else:
            process.communicate()
        process.wait()
        assert len(prune(cache, Limits(max_size=0)).removed) == 1
    assert not folder.exists()


def test_a_forked_child_keeps_what_its_parent_had(cache: Cache, three: list[str]) -> None:
    with holder(f"{NAME}/1", FORK) as (process, folder):
        process.wait()
        assert prune(cache, Limits(max_size=0)).in_use == 1
        assert tree(folder) == files_of(1)
        assert process.stdin is not None
        process.stdin.close()
        deadline = time.monotonic() + 10
        while folder.exists() and time.monotonic() < deadline:
            prune(cache, Limits(max_size=0))
    assert not folder.exists()


def test_a_view_for_mlflow_stays_while_it_is_used_and_goes_with_its_version(
    vendor: model_sharing.Catalog, cache: Cache, three: list[str]
) -> None:
    manifest = vendor.snapshot(f"{NAME}/1").manifest
    view = cache.view(manifest, "key", writable=frozenset())
    cache.release(manifest.digest)
    assert prune(cache, Limits(max_size=0)).in_use == 1
    assert tree(view) == files_of(1)
    cache.release(manifest.digest)
    prune(cache, Limits(max_size=0))
    assert not view.exists()
    assert bytes_on_disk(cache.blobs) == 0


def test_pruning_all_the_time_breaks_no_download(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache, tmp_path: Path
) -> None:
    """Four processes load and copy out; two remove everything they may, as fast as they can."""
    for version in range(1, 5):
        peer.publish(NAME, version, files_of(version) | {f"{n}.bin": content(500, n) for n in range(40)})
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
        from model_sharing.cache import Cache
        from model_sharing.upkeep.pruning import Limits, prune
        removed = 0
        while not Path(sys.argv[2]).exists():
            removed += len(prune(Cache(Path(sys.argv[1])), Limits(max_size=0)).removed)
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
        errors = [loader.communicate(timeout=100)[1] for loader in loaders]
    finally:
        stop.touch()
        removed = [eraser.communicate(timeout=30)[0] for eraser in erasers]
    assert not any(errors), "".join(errors)
    assert sum(map(int, removed)) > 0
    whole(cache)


def test_a_download_under_way_is_left_alone_and_one_given_up_is_swept_a_day_later(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache
) -> None:
    large = {"model.bin": content(2 * RANGE_BYTES), "small.bin": b"s"}
    peer.publish(NAME, 1, large)
    peer.always = slowly(0.02)
    command = [sys.executable, "-c", HOLD.format(then=""), f"{NAME}/1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while peer.file_bytes_sent < 4 * 1024 * 1024:
        time.sleep(0.01)
    assert prune(cache, Limits(max_size=0)).in_use == 1
    process.kill()
    process.wait()
    assert prune(cache, Limits()).removed == ()
    assert list(cache.blobs.glob("*.part"))
    assert len(prune(cache, Limits(), now=time.time() + 1.1 * DAY).removed) == 1
    assert not any(cache.blobs.iterdir())


def test_orphans_are_swept(cache: Cache, three: list[str]) -> None:
    stranger = sha256(b"x").hexdigest()
    for name in (stranger, f"{stranger}.part", f"{stranger}.progress"):
        (cache.blobs / name).write_bytes(b"x")
    (cache.snapshots / stranger).mkdir()
    (cache.snapshots / stranger / "file").write_bytes(b"x")
    (cache.manifests / f"{stranger}.json").write_bytes(b"garbled")
    left = cache.temporary()
    left.write_bytes(b"x")
    os.utime(left, (0, 0))  # as of a sealed file that is on its way into its place
    pruned = prune(cache, Limits())
    assert (pruned.removed, pruned.freed) == ((), 4)
    assert not list(cache.root.rglob(f"*{stranger}*"))
    assert left.exists()
    prune(cache, Limits(), now=time.time() + 1.1 * DAY)
    assert not left.exists()
    assert whole(cache) == set(three)


_VERSIONS = st.lists(st.frozensets(st.integers(0, 7), min_size=1), min_size=1, max_size=6, unique=True)


@settings(max_examples=60, deadline=None)
@given(versions=_VERSIONS, data=st.data())
def test_pruning_never_leaves_a_snapshot_without_a_blob(
    versions: list[frozenset[int]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as root:
        cache = Cache(Path(root))
        held = set()
        for age, numbers in enumerate(versions):
            files = {f"{number}.bin": content(100 * number + 1, number) for number in numbers}
            manifest = manifest_of(files)
            cache.reserve(manifest)
            for file in manifest.files:
                if not cache.has_blob(file):
                    fresh = cache.temporary()
                    fresh.write_bytes(files[file.path])
                    cache.publish_blob(fresh, file.sha256)
            cache.publish_snapshot(manifest)
            cache.release(manifest.digest)
            used(cache, manifest.digest, days_ago=age)
            if data.draw(st.booleans()):
                held.add(manifest.digest)
            else:
                cache.release(manifest.digest)
        before = bytes_on_disk(cache.blobs)
        limit = data.draw(st.integers(0, before))
        age_limit = data.draw(st.none() | st.integers(0, 6))
        pruned = prune(cache, Limits(limit, None if age_limit is None else age_limit * DAY + 60))
        left = whole(cache)
        assert left >= held
        assert left == {entry.digest for entry in survey(cache).entries}
        assert bytes_on_disk(cache.blobs) == pruned.remaining == before - pruned.freed
        assert pruned.remaining <= limit or left == held
        for digest in held:
            cache.release(digest)


@pytest.mark.parametrize("seed", range(4))
def test_verify_finds_every_flipped_byte(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache, three: list[str], seed: int
) -> None:
    """Flips that leave size and time stamp alone, in a random choice of blobs, through any of their links."""
    dice = random.Random(seed)
    blobs = sorted(path for path in cache.blobs.iterdir())
    chosen = dice.sample(blobs, dice.randint(1, len(blobs)))
    for blob in chosen:
        links = [path for path in cache.root.rglob("*") if path.is_file() and path.samefile(blob)]
        flip(dice.choice(links), dice)
    found = verify(cache)
    assert set(found.corrupt) == {blob.name for blob in chosen}
    assert found.files == len(blobs)
    whole(cache)
    assert verify(cache).corrupt == ()
    for version in (1, 2, 3):
        assert tree(vendor.snapshot(f"{NAME}/{version}").folder) == files_of(version)
    assert len(peer.file_requests()) == len(chosen)


def flip(path: Path, dice: random.Random) -> None:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.chmod(0o644)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_verify_on_the_command_line_reports_and_repairs(
    peer: Peer, cache: Cache, three: list[str], run_cli: RunCli
) -> None:
    done = run_cli("cache", "verify")
    assert (done.returncode, done.stdout) == (0, "7 files, 127.0 KiB: 0 corrupt and removed.\n")
    own = cache.blob_path(sha256(files_of(2)["own.bin"]).hexdigest())
    flip(own, random.Random(0))
    done = run_cli("cache", "verify")
    assert done.returncode == CorruptArtifact.row.exit_code
    assert "vendor.ml_team.iris_model version 2: will be fetched again when it is used" in done.stdout
    (listed,) = [line for line in run_cli("cache", "list").stdout.splitlines() if "incomplete" in line]
    assert "v-2" in listed
    run_cli("pull", "vendor")
    flip(own, random.Random(1))
    answer = run_cli("cache", "verify", "--repair", "--output", "json")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["repaired"]
    assert whole(cache) == set(three)
    flip(own, random.Random(2))
    peer.stop()
    done = run_cli("cache", "verify", "--repair")
    assert done.returncode == CorruptArtifact.row.exit_code
    assert "cannot be reached" in done.stdout


def test_a_blob_that_is_found_corrupt_while_it_is_linked_is_fetched_again(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between planning, which trusts the seal, and linking, `verify` removes the blob."""
    peer.publish(NAME, 4, files_of(4))
    flip(cache.blob_path(sha256(COMMON).hexdigest()), random.Random(0))
    real = Cache.publish_snapshot

    def verify_first(self: Cache, manifest: object) -> Path:
        monkeypatch.setattr(Cache, "publish_snapshot", real)
        assert len(verify(self).corrupt) == 1
        return real(self, manifest)  # type: ignore[arg-type]

    monkeypatch.setattr(Cache, "publish_snapshot", verify_first)
    assert tree(vendor.snapshot(f"{NAME}/4").folder) == files_of(4)


def test_the_listing(cache: Cache, three: list[str], run_cli: RunCli) -> None:
    answer = json.loads(run_cli("cache", "list", "--output", "json").stdout)
    assert answer["size"] == bytes_on_disk(cache.blobs) == 130_003
    (newest, *_, oldest) = answer["versions"]
    assert (newest["full_name"], newest["version"], newest["aliases"]) == (f"vendor.{NAME}", 3, ["v-3"])
    assert (oldest["size"], oldest["own_size"], oldest["complete"]) == (70_001, 30_001, True)
    assert abs(oldest["last_used"] / 1000 - (time.time() - 3 * DAY)) < 600
    assert run_cli("cache", "list").stdout.splitlines()[-1].startswith("127.0 KiB in ")
    run_cli("unmount", "vendor")
    assert "not mounted" in run_cli("cache", "list").stdout
    run_cli("cache", "prune", "--older-than", "0s")
    assert run_cli("cache", "list").stdout == "The cache is empty.\n"


def test_pruning_on_the_command_line(
    cache: Cache, three: list[str], run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = run_cli("cache", "prune", "--older-than", "2w", "--max-size", "100 KiB", "--dry-run").stdout
    assert dry.splitlines() == [
        f"Would remove vendor.{NAME} version 1",
        "Would free 29.3 KiB; 97.7 KiB would remain.",
    ]
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "100KiB")
    answer = json.loads(run_cli("cache", "prune", "--output", "json").stdout)
    assert answer["removed"] == [{"digest": three[0], "versions": [f"vendor.{NAME} version 1"]}]
    assert (answer["freed"], answer["remaining"], answer["dry_run"]) == (30_001, 100_002, False)
    for wrong in (["--max-size", "much"], ["--older-than", "ever"]):
        assert run_cli("cache", "prune", *wrong).returncode == InvalidParameter.row.exit_code


def test_a_limit_prunes_after_each_download(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "101kB")
    peer.publish(NAME, 4, files_of(4))
    held = model_sharing.catalog("vendor").snapshot(f"{NAME}/4").folder
    assert whole(cache) == {three[2], manifest_of(files_of(4)).digest}
    peer.publish(NAME, 5, files_of(5))
    model_sharing.catalog("vendor").snapshot(f"{NAME}/5")
    assert tree(held) == files_of(4)
    assert bytes_on_disk(cache.blobs) == 100_002


def test_a_prune_that_fails_does_not_fail_the_download(
    peer: Peer, vendor: model_sharing.Catalog, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "0")
    peer.publish(NAME, 1, files_of(1))
    monkeypatch.setattr("model_sharing.upkeep.pruning.survey", refuse)
    with pytest.warns(CacheWarning, match="could not be pruned"):
        folder = model_sharing.catalog("vendor").snapshot(f"{NAME}/1").folder
    assert tree(folder) == files_of(1)


def refuse(cache: Cache) -> None:
    raise PermissionError("no")


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("20GiB", 20 << 30), ("500 MB", 500_000_000), ("1.5g", 3 << 29), ("7b", 7), ("2Ti", 2 << 40)],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "GiB", "1e9", "1 2", "5 apples", "1,5G", "\u0661"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidParameter, match="20GiB"):
        parse_size(text)

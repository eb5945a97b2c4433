"""Homes and caches that cannot be written, that have no locks, that others share, or that are deleted."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import model_sharing
from model_sharing.api import blocking
from model_sharing.cache.maintenance.pruning import PruningLimits, prune
from model_sharing.cache.store import Cache
from model_sharing.resolution.known_state import UnwrittenStateWarning
from model_sharing_protocol.errors import InvalidState, StaleAnswer, UnsupportedOperation
from support.fake_provider.faults import slowly
from support.fake_provider.models import manifest_of
from support.fake_provider.server import FakeProvider, Handler, serve_well
from support.files import random_bytes, read_tree
from support.recipient_cli import RunCli
from support.small_disk import fill, read_only, small_disk

NAME = "ml_team.iris_model"
REF = f"models:/vendor.{NAME}@Champion"
FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(70_000)}
GROUP = 4711
MOUNTED = "models:/vendor.ml_team.iris_model"


@pytest.fixture
def warm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> model_sharing.Catalog:
    """Version 1 is in the cache, by number and by alias, and no process holds it."""
    fake_provider.publish(NAME, 1, FILES, "Champion")
    model_sharing.pull("vendor")
    return vendor


def test_reading_needs_no_writing(
    warm: model_sharing.Catalog, home: Path, run_cli_process: RunCli, tmp_path: Path
) -> None:
    with read_only(home):
        for command in (
            ("mounts",),
            ("list", "vendor"),
            ("show", REF),
            ("pull", "vendor"),
            ("download", REF, tmp_path / "out"),
            ("verify", f"{MOUNTED}/1", tmp_path / "out"),
            ("key", "vendor"),
            ("cache", "list"),
            ("cache", "verify"),
            ("cache", "prune", "--max-size", "0", "--dry-run"),
        ):
            done = run_cli_process(*command)
            assert done.returncode == 0, (command, done.stderr)
            assert done.stderr.count("\n") <= 1
    assert read_tree(tmp_path / "out") == FILES


def test_offline_too(
    warm: model_sharing.Catalog, home: Path, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    fake_provider.stop()
    blocking.close()
    with read_only(home), pytest.warns(model_sharing.StaleAliasWarning):
        model_sharing.download(REF, tmp_path / "out")
    assert read_tree(tmp_path / "out") == FILES


def test_what_is_not_here_names_the_folder_and_the_setting(
    warm: model_sharing.Catalog,
    home: Path,
    fake_provider: FakeProvider,
    run_cli_process: RunCli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_provider.publish(NAME, 2, FILES | {"more.bin": random_bytes(1000)})
    with read_only(home):
        for setting, *command in (
            ("MODEL_SHARING_CACHE", "download", f"{MOUNTED}/2", tmp_path / "out"),
            ("MODEL_SHARING_HOME", "unmount", "vendor"),
            ("MODEL_SHARING_HOME", "mount", tmp_path / "globex.share", "acme_share", "--as", "other"),
            ("MODEL_SHARING_CACHE", "cache", "prune", "--max-size", "0"),
        ):
            done = run_cli_process(*command)
            assert done.returncode == InvalidState.row.exit_code, (command, done.stderr)
            assert str(home) in done.stderr
            assert f"Set {setting}" in done.stderr
        monkeypatch.setenv("MODEL_SHARING_CACHE", str(tmp_path / "elsewhere"))
        done = run_cli_process("download", f"{MOUNTED}/2", tmp_path / "out")
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "elsewhere" / "blobs").is_dir()


def test_what_cannot_be_kept_is_remembered_by_the_process(
    warm: model_sharing.Catalog, home: Path, fake_provider: FakeProvider
) -> None:
    """A replayed answer does not pass, though nothing could be written about the one before."""
    fake_provider.publish(NAME, 2, FILES | {"MLmodel": b"other"}, "Champion")
    fake_provider.sequence = (2, 2)
    with read_only(home):
        with pytest.warns(UnwrittenStateWarning, match="until this process ends"):
            assert warm.resolve(REF).version == 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert warm.resolve(REF).version == 2
        fake_provider.publish(NAME, 1, FILES, "Champion")
        fake_provider.sequence = (1, 1)
        with pytest.raises(StaleAnswer):
            warm.resolve(REF)


def test_a_full_disk_keeps_nobody_from_what_is_on_it(
    fake_provider: FakeProvider, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        monkeypatch.setenv("MODEL_SHARING_HOME", str(disk))
        vendor = model_sharing.mount(profile, share="acme_share", name="vendor")
        fake_provider.publish(NAME, 1, FILES, "Champion")
        vendor.snapshot(REF)
        fake_provider.publish(NAME, 1, FILES, "Fallback")
        fill(disk)
        with pytest.warns(UnwrittenStateWarning, match="No space left"):
            assert read_tree(vendor.snapshot(f"{NAME}@Fallback").folder) == FILES


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_works_without(
    number: int,
    fake_provider: FakeProvider,
    profile: Path,
    cache: Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    fake_provider.publish(NAME, 1, FILES | {"large.bin": random_bytes(20_000_000)}, "Champion")
    model_sharing.mount(profile, share="acme_share", name="vendor")
    model_sharing.download(REF, tmp_path / "out")
    assert len(read_tree(tmp_path / "out")) == 3
    with pytest.raises(UnsupportedOperation, match="MODEL_SHARING_CACHE"):
        prune(cache, PruningLimits(0))
    blocking.unmount("vendor")


def test_locks_that_lock_nothing_corrupt_nothing(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    """Of some network disks: each of several processes believes that it is alone."""
    fake_provider.publish(NAME, 1, FILES | {"large.bin": random_bytes(40_000_000)})
    fake_provider.default_fault = slowly(0.002)
    script = textwrap.dedent(
        """
        import fcntl, sys
        fcntl.flock = lambda descriptor, operation: None
        import model_sharing
        model_sharing.download(sys.argv[1], sys.argv[2])
        """
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, f"{MOUNTED}/1", tmp_path / str(number)], stderr=subprocess.PIPE
        )
        for number in range(3)
    ]
    assert [process.communicate(timeout=120)[1] for process in processes] == [b""] * 3
    for number in range(3):
        assert read_tree(tmp_path / str(number))["large.bin"] == random_bytes(40_000_000)
    assert vendor.snapshot(f"{NAME}/1", verify=True)


def test_a_cache_that_somebody_deletes_is_filled_again(
    warm: model_sharing.Catalog, home: Path, fake_provider: FakeProvider
) -> None:
    for _ in range(2):
        shutil.rmtree(home / "cache")
        folder = warm.snapshot(REF).folder
        assert read_tree(folder) == FILES
    shutil.rmtree(home / "cache")
    assert warm.resolve(REF).version == 1


def test_even_while_files_arrive(
    vendor: model_sharing.Catalog, home: Path, fake_provider: FakeProvider, tmp_path: Path
) -> None:
    def delete_the_cache(handler: Handler, data: bytes, start: int, end: int) -> None:
        shutil.rmtree(home / "cache")
        serve_well(handler, data, start, end)

    for number, size in enumerate((70_000, 20_000_000), 1):
        fake_provider.publish(NAME, number, {"model.bin": random_bytes(size)})
        fake_provider.faults = [delete_the_cache]
        folder = vendor.snapshot(f"{NAME}/{number}").folder
        assert (folder / "model.bin").read_bytes() == random_bytes(size)


def test_a_home_that_a_group_can_write_to_is_shared_by_it(
    fake_provider: FakeProvider, profile: Path, home: Path, run_cli_process: RunCli
) -> None:
    """Whatever the umask of who was there first."""
    home.mkdir()
    home.chmod(0o2770)
    fake_provider.publish(NAME, 1, FILES | {"large.bin": random_bytes(20_000_000)}, "Champion")
    umask = os.umask(0o077)
    try:
        run_cli_process("mount", profile, "acme_share", "--as", "vendor").check_returncode()
        run_cli_process("pull", "vendor").check_returncode()
    finally:
        os.umask(umask)
    for path in home.rglob("*"):
        mode = path.stat().st_mode
        if path.is_dir():
            assert mode & 0o7777 == 0o2770, path
        elif home / "cache" / "blobs" in path.parents or home / "cache" / "snapshots" in path.parents:
            assert mode & 0o777 == 0o444, path
        elif home / "cache" / "delivered" not in path.parents:
            assert mode & 0o777 == 0o660, path


@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o700])
def test_a_home_that_is_made_where_everybody_or_nobody_else_writes_is_private(
    mode: int, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(mode)
    monkeypatch.setenv("MODEL_SHARING_HOME", str(tmp_path / "place" / "home"))
    model_sharing.mount(profile, share="acme_share", name="vendor")
    for path in (tmp_path / "place" / "home", tmp_path / "place" / "home" / "mounts"):
        assert path.stat().st_mode & 0o777 == 0o700


def test_members_of_a_group_use_prune_and_fill_one_cache(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("being several users needs root; what they may do is told by the permissions above")
    files = {name: random_bytes(1000, seed) for seed, name in enumerate(("a", "b/c"))}
    manifest = manifest_of(files)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chown(home, -1, GROUP)
        home.chmod(0o2770)

        def fill(user: int) -> None:
            cache = Cache(home / "cache", "vendor")
            with cache.held(manifest):
                for file in manifest.files:
                    fresh = cache.temporary()
                    fresh.write_bytes(files[file.path])
                    cache.publish_blob(fresh, file.sha256)
                cache.publish_snapshot(manifest)

        def use(user: int) -> None:
            cache = Cache(home / "cache", "vendor")
            with cache.held_manifest(manifest.digest) as here:
                assert here == manifest
                found = cache.snapshot(here, verify=True)
                assert found
                assert read_tree(found) == files

        def empty(user: int) -> None:
            pruned = prune(Cache(home / "cache", "vendor"), PruningLimits(0))
            assert len(pruned.removed) == 1

        for user, work in ((1001, fill), (1002, use), (1003, empty), (1002, fill), (1001, use)):
            assert as_user(user, work) == 0, (user, work.__name__)


def as_user(user: int, work: Callable[[int], None]) -> int:
    """Do this in a process of this user, a member of the group; how it ends."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.setgroups([])
        os.setgid(GROUP)
        os.setuid(user)
        os.umask(0o077)
        work(user)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)

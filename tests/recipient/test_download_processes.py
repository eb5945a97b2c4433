"""Processes that download: killed, interrupted, two at once, or without room for what they write."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import model_sharing
from model_sharing.downloads.part_file import RANGE_BYTES, arrived_bytes
from support.fake_provider.faults import slowly
from support.fake_provider.models import digest_of
from support.fake_provider.server import FakeProvider
from support.files import random_bytes
from support.patience import PATIENCE, within_patience
from support.shared_catalog import shared_catalog_of

REF = "ml_team.iris_model/1"
LARGE = 3 * RANGE_BYTES + 12_345
SMALL_FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": random_bytes(70_000), "empty.txt": b""}

DOWNLOAD = textwrap.dedent(
    """
    import sys, model_sharing
    model_sharing.catalog("vendor").snapshot(sys.argv[1])
    """
)


def start_download(ref: str = REF) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", DOWNLOAD, ref], stderr=subprocess.PIPE)


def killed_after(command: list[str], part: Callable[[], Path | None], more: int) -> int:
    """Kill -9 a download once `more` bytes of its large file are in the part; how many are there then."""

    def arrived() -> int:
        found = part()
        return arrived_bytes(found, LARGE) if found else 0

    before = arrived()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        assert within_patience(lambda: process.poll() is not None or arrived() >= before + more)
        assert process.poll() is None, "it was done before it could be killed"
        process.kill()
    return arrived()


def test_kill_nine_loses_no_byte_that_had_arrived(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    content = random_bytes(LARGE)
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": content})
    fake_provider.default_fault = slowly(0.05)
    part = shared_catalog_of(vendor).cache.part_path(digest_of(content))
    for _ in range(3):
        arrived = killed_after([sys.executable, "-c", DOWNLOAD, REF], lambda: part, 4 * 1024 * 1024)
    fake_provider.default_fault = None
    snapshot = vendor.snapshot(REF)
    assert (snapshot.folder / "model.bin").read_bytes() == content
    assert (snapshot.fetched, snapshot.reused) == (LARGE - arrived, arrived)


def test_kill_nine_in_a_volume_loses_no_byte_that_had_arrived(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    content, target = random_bytes(LARGE), tmp_path / "prompts"
    fake_provider.folders["volumes", "evaluation.prompts"] = {"model.bin": content, "one.txt": b"Why?"}
    fake_provider.default_fault = slowly(0.05)
    script = "import sys, model_sharing; model_sharing.catalog('vendor').download_volume(*sys.argv[1:])"
    command = [sys.executable, "-c", script, "evaluation.prompts", str(target)]
    arrived = killed_after(command, lambda: next(tmp_path.rglob("*.part"), None), 4 * 1024 * 1024)
    fake_provider.default_fault = None
    assert not target.exists()
    assert arrived <= vendor.download_volume("evaluation.prompts", target).reused <= arrived + len(b"Why?")
    assert (target / "model.bin").read_bytes() == content
    assert not [path for path in tmp_path.iterdir() if "model-sharing" in path.name]


def test_two_processes_download_once(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(LARGE)} | SMALL_FILES)
    fake_provider.default_fault = slowly(0.002)
    processes = [start_download() for _ in range(2)]
    assert [process.communicate()[1] for process in processes] == [b"", b""]
    assert [process.returncode for process in processes] == [0, 0]
    assert fake_provider.file_bytes_sent == sum(
        map(len, {"model.bin": random_bytes(LARGE), **SMALL_FILES}.values())
    )


def test_ctrl_c_ends_soon_with_one_line_and_130(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(LARGE)})
    fake_provider.default_fault = slowly(0.3)
    # Whoever runs the tests in the background lets them, and what they start, ignore Ctrl-C.
    heard = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    run = heard + "runpy.run_module('model_sharing.cli', run_name='__main__')"
    command = [sys.executable, "-c", run, "download", "models:/vendor." + REF, str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while fake_provider.file_bytes_sent < 1024 * 1024:
        time.sleep(0.01)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - started < 30  # the rest of the file would take minutes
    assert process.returncode == 130
    assert errors.decode().startswith("error: Interrupted")
    assert errors.count(b"\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_size_limit_is_told_as_a_full_disk(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """RLIMIT_FSIZE makes the kernel refuse writes, as a full disk or a quota does."""
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(1_000_000)})
    script = textwrap.dedent(
        """
        import resource, sys, model_sharing
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        try:
            model_sharing.catalog("vendor").snapshot(sys.argv[1])
        except model_sharing.SharingError as error:
            print(type(error).__name__)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, REF], capture_output=True, text=True, check=True)
    assert done.stdout == "DiskFull\n"
    assert not list(shared_catalog_of(vendor).cache.blobs.iterdir())
    assert (vendor.snapshot(REF).folder / "model.bin").stat().st_size == 1_000_000


def test_memory_does_not_grow_with_the_file(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": random_bytes(LARGE * 2)})
    script = DOWNLOAD + textwrap.dedent(
        """
        import resource
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, REF], capture_output=True, text=True, check=True)
    imports = subprocess.run(
        [
            sys.executable,
            "-c",
            "import model_sharing.api.blocking" + script.split(REF)[0].replace(DOWNLOAD, ""),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) - int(imports.stdout) < 60

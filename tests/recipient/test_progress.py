"""Downloads say how far they are and, when they are done, what was fetched and what was here already."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

import model_sharing
from model_sharing import Progress
from model_sharing.api.progress_text import NotebookDisplay, ProgressDescriber, TextLines
from model_sharing.downloads.part_file import RANGE_BYTES
from model_sharing_protocol.errors import InvalidParameter, ServerUnreachable
from support.fake_provider.faults import corrupt, cut_after
from support.fake_provider.server import FakeProvider, Handler
from support.files import random_bytes
from support.recipient_cli import RunCli

REF = "ml_team.iris_model/1"
URI = f"models:/vendor.{REF}"
LARGE = random_bytes(2 * RANGE_BYTES + 12_345)
FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": LARGE, "again.bin": LARGE}
SIZE = sum(map(len, FILES.values()))


@pytest.fixture
def shared(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    return fake_provider


def cut_off(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    """Begin a download that breaks off: of each range of the large file, the first megabyte comes."""

    def cut(handler: Handler, data: bytes, start: int, end: int) -> None:
        cut_after(1_000_000 if start % RANGE_BYTES == 0 else 0)(handler, data, start, end)

    shared.default_fault = cut
    with pytest.raises(ServerUnreachable):
        vendor.snapshot(REF)
    assert shared.file_bytes_sent >= 1_000_000
    shared.default_fault = None
    shared.file_bytes_sent = 0


def phases(seen: list[Progress]) -> list[str]:
    return [phase for phase, _ in groupby(now.phase for now in seen)]


CALLS: dict[str, Callable[[Path, model_sharing.Catalog, list[Progress]], object]] = {
    "snapshot": lambda path, vendor, seen: vendor.snapshot(REF, progress=seen.append),
    "download": lambda path, vendor, seen: vendor.download(REF, path / "out", progress=seen.append),
    "module's download": lambda path, vendor, seen: model_sharing.download(
        URI, path / "out", progress=seen.append
    ),
    "pull": lambda path, vendor, seen: model_sharing.pull("vendor", progress=seen.append),
}


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_callback_is_told_the_phases_and_everything_in_the_end(
    tmp_path: Path,
    vendor: model_sharing.Catalog,
    call: Callable[[Path, model_sharing.Catalog, list[Progress]], object],
) -> None:
    seen: list[Progress] = []
    call(tmp_path, vendor, seen)
    assert phases(seen)[0] == "asking the provider" or phases(seen)[0].startswith("fetching vendor.ml_team")
    assert any(now.phase.startswith("fetching") for now in seen)
    assert seen[-1] == Progress("done", SIZE, SIZE, 3, 3, len(LARGE))
    assert phases(seen).count("done") == 1


@pytest.mark.usefixtures("shared")
def test_what_the_callback_raises_ends_the_download_and_is_raised(vendor: model_sharing.Catalog) -> None:
    def stop(now: Progress) -> None:
        if now.phase == "fetching":
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        vendor.snapshot(REF, progress=stop)
    assert vendor.snapshot(REF, progress=False).folder.is_dir()


@pytest.mark.usefixtures("shared")
def test_callbacks_run_in_the_thread_that_waits(vendor: model_sharing.Catalog) -> None:
    threads = set()
    vendor.snapshot(REF, progress=lambda now: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}


@pytest.mark.usefixtures("shared")
def test_what_is_no_progress_is_refused(vendor: model_sharing.Catalog) -> None:
    with pytest.raises(InvalidParameter, match="'yes'"):
        vendor.snapshot(REF, progress="yes")  # type: ignore[arg-type]


def test_a_resumed_download_tells_what_came_now_and_what_was_here(
    shared: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path
) -> None:
    cut_off(shared, vendor)
    seen: list[Progress] = []
    version = vendor.download(REF, tmp_path / "out", progress=seen.append)
    assert version.fetched == shared.file_bytes_sent
    assert 0 < version.fetched <= SIZE - len(LARGE) - 1_000_000
    assert version.reused == SIZE - version.fetched
    assert version.path == tmp_path / "out"
    assert (version.version, version.full_name) == (1, "vendor.ml_team.iris_model")
    assert seen[-1].reused == version.reused
    again = vendor.download(REF, tmp_path / "again")
    assert (again.fetched, again.reused) == (0, SIZE)


def test_so_do_the_command_line_and_a_pull(
    shared: FakeProvider, vendor: model_sharing.Catalog, tmp_path: Path, run_cli: RunCli
) -> None:
    cut_off(shared, vendor)
    said = json.loads(run_cli("download", URI, "out", "--output", "json").stdout)
    assert said["fetched"] == shared.file_bytes_sent
    assert (said["fetched"] + said["reused"], said["path"]) == (SIZE, str(tmp_path / "out"))


def test_a_resumed_pull_tells_it_too(
    shared: FakeProvider, vendor: model_sharing.Catalog, run_cli: RunCli
) -> None:
    cut_off(shared, vendor)
    (pulled,) = json.loads(run_cli("pull", "vendor", "--output", "json").stdout)
    assert pulled["fetched"] == shared.file_bytes_sent
    assert pulled["fetched"] + pulled["reused"] == SIZE


def test_what_was_here_and_is_damaged_counts_as_fetched(
    shared: FakeProvider, vendor: model_sharing.Catalog, home: Path
) -> None:
    cut_off(shared, vendor)
    (part,) = (home / "cache" / "blobs").glob("*.part")
    with part.open("r+b") as file:
        file.write(b"garbage")
    snapshot = vendor.snapshot(REF)
    assert (snapshot.folder / "weights.bin").read_bytes() == LARGE
    assert len(LARGE) <= snapshot.fetched <= SIZE - len(LARGE)


def test_what_came_damaged_is_taken_back(shared: FakeProvider, vendor: model_sharing.Catalog) -> None:
    shared.faults = [corrupt]
    seen: list[Progress] = []
    snapshot = vendor.snapshot(REF, progress=seen.append)
    assert snapshot.fetched == SIZE - len(LARGE)
    assert max(now.bytes_done for now in seen) == seen[-1].bytes_done == SIZE


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_words_say_rate_and_time_left_without_what_was_here() -> None:
    clock = Clock()
    pace = ProgressDescriber(clock)
    mib = 1024 * 1024
    assert pace.describe(Progress("asking the provider")) == "asking the provider"
    pace.describe(Progress("fetching", 8 * mib, 40 * mib, 1, 3, 8 * mib))
    clock.now += 2
    assert pace.describe(Progress("fetching", 16 * mib, 40 * mib, 1, 3, 12 * mib)) == (
        "fetching: 16.0 MiB of 40.0 MiB, 1 of 3 files, 12.0 MiB were here, 2.0 MiB/s, 12 s left"
    )


def test_a_notebook_has_one_display_that_changes_at_most_twice_a_second() -> None:
    clock = Clock()
    shown: list[str] = []

    class Handle:
        def update(self, content: dict[str, str], *, raw: bool) -> None:
            shown.append(content["text/html"])

    def display(content: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        shown.append(f"first {content['text/html']}")
        return Handle()

    show = NotebookDisplay(display, clock)
    show(Progress("asking the provider"))
    assert shown == []
    for done in range(100):
        clock.now += 0.25
        show(Progress("fetching <b>", done, 100))
    show(Progress("done", 100, 100))
    assert len(shown) == 51
    assert [page.startswith("first") for page in shown] == [True, *[False] * 50]
    assert 'value="0" max="100"' in shown[0]
    assert "fetching &lt;b&gt;: 0 B of 100 B" in shown[0]
    assert "done: 100 B of 100 B" in shown[-1]


def test_elsewhere_there_are_lines_only_if_they_are_asked_for(
    shared: FakeProvider, vendor: model_sharing.Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor.snapshot(REF)
    assert capsys.readouterr().err == ""
    vendor.snapshot(REF, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asking the provider"
    assert lines[-1].startswith("done: ")
    clock = Clock()
    lines_shown = TextLines(clock)
    for _ in range(16):
        clock.now += 0.25
        lines_shown(Progress("fetching", 1, 2))
    assert len(capsys.readouterr().err.splitlines()) == 2

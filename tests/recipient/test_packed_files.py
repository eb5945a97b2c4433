"""Small files come many at a time, from providers that offer it; a pack may be wrong, no file ever is."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import model_sharing
from model_sharing.settings import Settings
from model_sharing_protocol.errors import CorruptArtifact, PermissionDenied
from model_sharing_protocol.manifest import PACKED_FILE_BYTES
from support.fake_provider.faults import corrupt, pack_well
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.files import read_tree
from support.patience import PATIENCE

DICE = random.Random(5)
FILES = {f"part/{n}.bin": DICE.randbytes(DICE.randrange(1, 3000)) for n in range(120)} | {
    "MLmodel": b"flavors: {}\n",
    "empty": b"",
    "large.bin": DICE.randbytes(2_000_000),
}
REF = "ml_team.iris_model/1"


@pytest.fixture
def packing(fake_provider: FakeProvider) -> FakeProvider:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    fake_provider.packs = pack_well
    return fake_provider


@pytest.fixture
def vendor(packing: FakeProvider, profile: Path, home: Path) -> model_sharing.Catalog:
    return model_sharing.mount(profile, share=SHARE, name="vendor")


def check_whole(vendor: model_sharing.Catalog) -> None:
    folder = vendor.snapshot(REF).folder
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES


def requests(fake_provider: FakeProvider) -> tuple[int, int]:
    """Numbers of packs and of single files that were requested."""
    posts = sum(request.method == "POST" for request in fake_provider.file_requests())
    return posts, len(fake_provider.file_requests()) - posts


def test_small_files_come_in_a_few_packs_and_large_ones_alone(
    packing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    check_whole(vendor)
    packs, singles = requests(packing)
    assert 1 <= packs <= Settings.from_environment().jobs + 1
    assert singles == 1
    for request in packing.file_requests():
        assert "authorization" not in {name.lower() for name in request.headers}


def test_many_files_are_received_by_one_read_whatever_their_sizes(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    sizes = [PACKED_FILE_BYTES, 1, PACKED_FILE_BYTES, PACKED_FILE_BYTES - 1, 0, 700_000, 400_000, 0, 20_480]
    files = {f"{n:02}.bin": DICE.randbytes(size) for n, size in enumerate(sizes)}
    fake_provider.publish("ml_team.iris_model", 1, files)
    fake_provider.packs = pack_well
    folder = model_sharing.mount(profile, share=SHARE, name="vendor").snapshot(REF).folder
    assert read_tree(folder) == files
    assert requests(fake_provider)[1] == 0


def test_a_far_provider_is_asked_for_other_packs_meanwhile(
    packing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """The first pack, which is waited for, ends after another one was asked for."""
    begun: list[int] = []
    another = threading.Event()
    overlapped = []

    def far(handler: Handler, contents: list[bytes]) -> None:
        begun.append(len(contents))
        if len(begun) > 1:
            another.set()
            pack_well(handler, contents)
            return
        time.sleep(0.2)
        handler.send_response(200)
        handler.send_header("Content-Length", str(sum(map(len, contents))))
        handler.end_headers()
        overlapped.append(another.wait(PATIENCE))
        handler.wfile.write(b"".join(contents))

    packing.packs = far
    check_whole(vendor)
    assert overlapped == [True]


def test_a_provider_that_offers_none_is_asked_for_files(
    fake_provider: FakeProvider, profile: Path, home: Path
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    check_whole(model_sharing.mount(profile, share=SHARE, name="vendor"))
    assert requests(fake_provider)[0] == 0


def cut(handler: Handler, contents: list[bytes]) -> None:
    """Promise all of it, and hang up in the middle of a file."""
    body = b"".join(contents)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def once(first: Callable[[Handler, list[bytes]], None]) -> Callable[[Handler, list[bytes]], None]:
    waiting = [first]

    def serve(handler: Handler, contents: list[bytes]) -> None:
        (waiting.pop() if waiting else pack_well)(handler, contents)

    return serve


def test_a_pack_that_breaks_off_goes_on_with_what_is_missing(
    packing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    asked: list[int] = []

    def counting(handler: Handler, contents: list[bytes]) -> None:
        asked.append(len(contents))
        (cut if len(asked) == 1 else pack_well)(handler, contents)

    packing.packs = counting
    check_whole(vendor)
    assert sum(asked) < len(FILES) - 1 + asked[0]
    assert requests(packing)[1] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda contents: contents[::-1], id="in another order"),
        pytest.param(lambda contents: [content[::-1] for content in contents], id="other bytes"),
        pytest.param(lambda contents: contents[:-1], id="a file too few"),
        pytest.param(lambda contents: [*contents, b"more"], id="more than was asked for"),
        pytest.param(lambda _: [], id="nothing"),
    ],
)
def test_whatever_a_pack_brings_the_files_are_right(
    packing: FakeProvider, vendor: model_sharing.Catalog, wrong: Callable[[list[bytes]], list[bytes]]
) -> None:
    packing.packs = lambda handler, contents: pack_well(handler, wrong(contents))
    check_whole(vendor)
    assert requests(packing)[1] >= 2


@pytest.mark.parametrize("status", [400, 404, 405, 500, 501])
def test_a_server_that_packs_nothing_after_all_is_asked_for_files(
    packing: FakeProvider, vendor: model_sharing.Catalog, status: int
) -> None:
    packing.packs = lambda handler, _: handler.send(status, b"no")
    if status == 404:
        # It may as well mean that access has ended, so that is what is told.
        with pytest.raises(PermissionDenied):
            vendor.snapshot(REF)
    else:
        check_whole(vendor)


def test_an_endless_pack_is_not_read(packing: FakeProvider, vendor: model_sharing.Catalog) -> None:
    def endless(handler: Handler, contents: list[bytes]) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")

    packing.packs = endless
    check_whole(vendor)


def test_a_file_that_is_damaged_in_the_pack_and_alone_is_corrupt(
    packing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    packing.packs = lambda handler, contents: pack_well(handler, [c[::-1] for c in contents])
    packing.default_fault = corrupt
    with pytest.raises(CorruptArtifact):
        vendor.snapshot(REF)


def test_an_expired_address_of_packs_is_asked_for_again(
    packing: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    packing.refuse_tickets_below = 2
    check_whole(vendor)
    assert packing.tickets == 2


def test_what_a_pack_brought_survives_kill_nine(packing: FakeProvider, profile: Path, home: Path) -> None:
    """The second process asks for nothing that the first one had."""
    model_sharing.mount(profile, share=SHARE, name="vendor")
    asked: list[int] = []

    def slowly(handler: Handler, contents: list[bytes]) -> None:
        asked.append(len(contents))
        handler.send_response(200)
        handler.send_header("Content-Length", str(sum(map(len, contents))))
        handler.end_headers()
        for content in contents:
            handler.wfile.write(content)
            time.sleep(0.02)

    packing.packs = slowly
    program = f"import model_sharing; model_sharing.catalog('vendor').snapshot('{REF}')"
    process = subprocess.Popen([sys.executable, "-c", program], env={"MODEL_SHARING_HOME": str(home)})
    blobs = Settings(home).cache / "blobs"
    while not blobs.is_dir() or len(list(blobs.iterdir())) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(list(blobs.iterdir()))
    asked.clear()

    def counted(handler: Handler, contents: list[bytes]) -> None:
        asked.append(len(contents))
        pack_well(handler, contents)

    packing.packs = counted
    check_whole(model_sharing.catalog("vendor"))
    assert sum(asked) <= len(FILES) - there
    assert json.loads((Settings(home).mounts / "vendor.json").read_bytes())["name"] == "vendor"

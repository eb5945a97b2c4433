"""Answers that never end, or hardly come on: each is given up on, whatever it is an answer to."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.client import sharing_client
from model_sharing.transport import bounds
from model_sharing.transport.minimum_rate_reader import MinimumRateReader
from model_sharing.transport.response_reader import decode
from model_sharing_protocol.errors import NotASharingServer, ServerUnreachable, SharingError
from model_sharing_protocol.open_sharing import RegisteredModel
from support.fake_provider.faults import always
from support.fake_provider.server import FakeProvider, Fault, Handler
from support.files import random_bytes
from support.patience import PATIENCE

MODEL = "ml_team.iris_model"
REF = f"{MODEL}/1"

Trickle = Callable[[Handler], Iterator[bytes]]


def again_and_again(first: bytes, more: bytes, seconds: float = 0.02) -> Trickle:
    """Something that never ends, a little at a time, so that the connection is never idle."""

    def trickle(handler: Handler) -> Iterator[bytes]:
        yield first
        while True:
            if seconds:
                time.sleep(seconds)
            yield more

    return trickle


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ENDLESS: dict[str, Trickle] = {
    "a byte now and then": again_and_again(OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "a byte now and then, until closed": again_and_again(OK + b"\r\n", b" "),
    "a chunk of a byte now and then": again_and_again(CHUNKED, b"1\r\n \r\n"),
    "100 Continue": again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    "103 Early Hints": again_and_again(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.001),
    "102 Processing": again_and_again(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.001),
    "headers": again_and_again(OK, b"X-More: a\r\n"),
    "one header": again_and_again(OK + b"X-More: ", b"a"),
    "a status line": again_and_again(b"HTTP/1.1 200 ", b"O"),
    "a chunk extension": again_and_again(CHUNKED + b"1;a=", b"b"),
    "chunks with long extensions": again_and_again(CHUNKED, b"1;" + b"b" * 8000 + b"\r\n \r\n"),
    "trailers": again_and_again(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-More: a\r\n"),
    "an error's body": again_and_again(b"HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\n", b" "),
    "100 Continue, at once": again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 0),
    "trailers, at once": again_and_again(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-More: a\r\n" * 1000, 0),
    "chunk extensions, at once": again_and_again(CHUNKED, (b"1;" + b"b" * 8000 + b"\r\n \r\n") * 10, 0),
    "silence": again_and_again(b"", b""),
}


def send_on(trickle: Trickle) -> Callable[[Handler], None]:
    """Send until the client has had enough of it."""

    def send(handler: Handler) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            for piece in trickle(handler):
                handler.wfile.write(piece)

    return send


@pytest.fixture
def impatient(vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the set-up, which has the usual time."""
    for bound in ("HEADERS_SECONDS", "WINDOW_SECONDS", "RESPONSE_SECONDS"):
        monkeypatch.setattr(bounds, bound, 0.2)


@contextlib.contextmanager
def soon() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < PATIENCE


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endless", ENDLESS)
def test_no_answer_of_the_api_is_waited_for_for_ever(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, endless: str
) -> None:
    fake_provider.answer = always(send_on(ENDLESS[endless]))
    for call in (vendor.list_models, lambda: vendor.snapshot(REF)):
        with soon(), pytest.raises((ServerUnreachable, NotASharingServer)):
            call()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endless", ENDLESS)
def test_no_activation_and_no_mount_is_waited_for_for_ever(
    fake_provider: FakeProvider, profile: Path, tmp_path: Path, endless: str
) -> None:
    fake_provider.answer = always(send_on(ENDLESS[endless]))
    with soon(), pytest.raises((ServerUnreachable, NotASharingServer)):
        model_sharing.activate(f"{fake_provider.origin}/activate/abc", tmp_path / "new.share")
    with soon(), pytest.raises((ServerUnreachable, NotASharingServer)):
        model_sharing.mount(profile, share="acme_share", name="other")


def file_fault(endless: str) -> Fault:
    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        send_on(ENDLESS[endless])(handler)

    return fault


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endless", [name for name in ENDLESS if "error" not in name])
def test_no_file_is_waited_for_for_ever(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, endless: str
) -> None:
    fake_provider.publish(MODEL, 1, {"model.bin": random_bytes(1_000_000)})
    fake_provider.default_fault = file_fault(endless)
    with soon(), pytest.raises(SharingError):
        vendor.snapshot(REF)


@pytest.mark.parametrize("endless", ["a byte now and then", "100 Continue", "trailers"])
def test_no_pack_and_no_chunk_map_is_waited_for_for_ever(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch, endless: str
) -> None:
    """Optional downloads are given up on, too; the files come without them."""
    files = {f"{n}.bin": random_bytes(1000 + n) for n in range(10)} | {"large.bin": random_bytes(2_000_000)}
    maps = random_bytes(5000)
    for bound in ("HEADERS_SECONDS", "WINDOW_SECONDS", "RESPONSE_SECONDS"):
        monkeypatch.setattr(bounds, bound, 1.5)  # in which the files come
    fake_provider.publish(MODEL, 1, files)
    fake_provider.packs = lambda handler, contents: send_on(ENDLESS[endless])(handler)
    fake_provider.chunk_maps = lambda files: maps
    whole = {bytes(each) for each in files.values()}

    def fault(handler: Handler, data: bytes, start: int, end: int) -> None:
        if data == maps:
            send_on(ENDLESS[endless])(handler)
            return
        assert data in whole
        handler.start_file(data, start, end)
        handler.send_bytes(memoryview(data)[start:end])

    fake_provider.default_fault = fault
    with soon():
        folder = vendor.snapshot(REF).folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_a_slow_file_that_comes_on_is_waited_for(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far longer than a window, and never idle: an honest line may be as slow as that."""
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 1.0)
    monkeypatch.setattr(bounds, "WINDOW_BYTES", 2_000)
    monkeypatch.setattr(bounds, "SLOW_RESPONSES_WITHOUT_PROGRESS", 1)
    fake_provider.publish(MODEL, 1, {"model.bin": random_bytes(100_000)})

    def slowly(handler: Handler, data: bytes, start: int, end: int) -> None:
        handler.start_file(data, start, end)
        for position in range(start, end, 2_500):
            handler.send_bytes(memoryview(data)[position : min(end, position + 2_500)])
            time.sleep(0.05)

    fake_provider.default_fault = slowly
    assert (vendor.snapshot(REF).folder / "model.bin").read_bytes() == random_bytes(100_000)
    assert len(fake_provider.file_requests()) == 1


def test_connections_that_share_a_line_may_be_slow_together() -> None:
    """1 KiB a second in all; and only waiting for the other side counts."""
    now = 0.0
    rate = bounds.MinimumRate(lambda: 8, lambda: now)

    def wait(seconds: float) -> None:
        nonlocal now
        with rate.waiting():
            now += seconds

    for _ in range(100):
        wait(bounds.WINDOW_SECONDS - 1)
        now += 1_000_000  # for a disk, or a limit of the user's own
        rate.add_bytes(bounds.WINDOW_BYTES // 8)
        assert rate.seconds_left() == bounds.WINDOW_SECONDS
    wait(bounds.WINDOW_SECONDS - 1)
    rate.add_bytes(bounds.WINDOW_BYTES // 8 - 1)
    wait(1)
    with pytest.raises(bounds.TooSlow):
        rate.seconds_left()


def test_a_byte_before_each_stall_is_no_progress(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 0.2)
    fake_provider.publish(MODEL, 1, {"model.bin": random_bytes(100_000)})

    def stall(handler: Handler, data: bytes, start: int, end: int) -> None:
        handler.start_file(data, start, end)
        handler.send_bytes(memoryview(data)[start : start + 10])
        time.sleep(1)

    fake_provider.default_fault = stall
    with soon(), pytest.raises(ServerUnreachable, match=r"broke off \d+ times.*nothing arrived"):
        vendor.snapshot(REF)


def test_a_trickle_is_tried_again_once(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "WINDOW_SECONDS", 0.3)
    fake_provider.publish(MODEL, 1, {"model.bin": random_bytes(1_000_000)})
    fake_provider.default_fault = file_fault("a byte now and then")
    with soon(), pytest.raises(ServerUnreachable, match=r"broke off 2 times.*hardly anything"):
        vendor.snapshot(REF)


def endless_pages(
    items: Callable[[int], list[Any]], token: Callable[[int], str]
) -> Callable[[Handler], bool]:
    count = 0

    def send(handler: Handler) -> None:
        nonlocal count
        count += 1
        handler.send_json(200, {"items": items(count), "nextPageToken": token(count)})

    return always(send)


def model(number: int) -> dict[str, Any]:
    return {"name": f"m{number}", "schema": "s", "share": "acme_share"}


PAGES: dict[str, tuple[Callable[[int], list[Any]], Callable[[int], str]]] = {
    "empty, each with a new token": (lambda _: [], str),
    "with tokens that go round": (lambda n: [model(n)], lambda n: str(n % 3)),
    "full, without end": (lambda n: [model(n * 100 + each) for each in range(100)], str),
    "with an item each": (lambda n: [model(n)], str),
    "with ever longer tokens": (lambda n: [model(n)], lambda n: "x" * n * 1000),
    "of bad items": (lambda _: [{}] * 100, str),
}


@pytest.mark.filterwarnings("ignore::model_sharing.InvalidItemWarning")
@pytest.mark.parametrize("pages", PAGES)
def test_a_listing_without_an_end_is_given_up_on(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch, pages: str
) -> None:
    monkeypatch.setattr(bounds, "PAGES", 200)
    monkeypatch.setattr(bounds, "ITEMS", 5_000)
    fake_provider.answer = endless_pages(*PAGES[pages])
    for call in (vendor.list_models, vendor.list_schemas, lambda: vendor.list_versions(MODEL)):
        fake_provider.requests.clear()
        with soon(), pytest.raises(NotASharingServer, match="does not end"):
            call()
        assert len(fake_provider.requests) <= 201


def test_a_listing_may_take_only_so_long(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "LISTING_SECONDS", 0.5)

    def slow(count: int) -> list[Any]:
        time.sleep(0.05)
        return [model(count)]

    fake_provider.answer = endless_pages(slow, str)
    with soon(), pytest.raises(ServerUnreachable, match=r"0\.5 seconds for one listing"):
        vendor.list_models()


@pytest.mark.parametrize(
    "line", [b"\n", b"{}\n", b'{"unknown": 1}\n', b'{"protocol": {"minReaderVersion": 1}}\n']
)
def test_lines_without_end_are_not_read_on(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    monkeypatch.setattr(bounds, "LINES", 10_000)
    fake_provider.publish(MODEL, 1, {"MLmodel": b"x"})

    def pour(handler: Handler) -> bool:
        if not handler.path.endswith("/query"):
            return False

        def lines(handler: Handler) -> Iterator[bytes]:
            yield OK + b"\r\n"
            while True:
                yield line * 1000

        send_on(lines)(handler)
        return True

    fake_provider.answer = pour
    with soon(), pytest.raises(NotASharingServer, match="more than 10000 lines"):
        vendor.snapshot(REF)


def test_a_query_has_an_end_in_bytes(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "QUERY_BYTES", 100_000)
    fake_provider.publish(MODEL, 1, {"MLmodel": b"x"})
    fake_provider.edit_query = lambda lines: [*lines, *[{"padding": "x" * 1000}] * 200]
    with pytest.raises(NotASharingServer, match="more than 100000 bytes"):
        vendor.snapshot(REF)


def test_the_first_models_come_before_the_last_page(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.answer = endless_pages(lambda page: [model(page * 10 + each) for each in range(3)], str)
    fake_provider.requests.clear()
    models = vendor.iter_models()
    assert [next(models).full_name for _ in range(3)] == ["vendor.s.m10", "vendor.s.m11", "vendor.s.m12"]
    assert next(models).full_name == "vendor.s.m20"
    assert len(fake_provider.requests) <= 3, "two pages, and one ahead"


def test_the_next_page_is_asked_for_before_this_one_is_read(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that provider and recipient work at the same time."""
    pages, is_asked = endless_pages(lambda page: [model(page)], str), threading.Event()

    def answer(handler: Handler) -> bool:
        if "pageToken" in handler.path:
            is_asked.set()
        return pages(handler)

    def read(data: bytes, kind: type[RegisteredModel], origin: str) -> RegisteredModel:
        assert is_asked.wait(PATIENCE)
        return decode(data, kind, origin)

    fake_provider.answer = answer
    monkeypatch.setattr(sharing_client, "decode", read)
    assert next(vendor.iter_models()).full_name == "vendor.s.m1"


def test_pages_are_asked_for_by_size_and_more_is_refused(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    fake_provider.answer = always(
        lambda handler: handler.send_json(200, {"items": [model(n) for n in range(501)]})
    )
    with pytest.raises(NotASharingServer, match="asked for 500 items and sent 501"):
        vendor.list_models()
    assert fake_provider.requests[-1].path.endswith("/all-models?maxResults=500")


def test_a_page_of_long_comments_is_asked_for_in_smaller_ones(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what one of many may write hides none of the others."""
    monkeypatch.setattr(bounds, "MESSAGE_BYTES", 100_000)
    wordy = [{**model(n), "comment": "," * 20_000} for n in range(30)]

    def answer(handler: Handler) -> None:
        asked = dict(part.split("=") for part in handler.path.partition("?")[2].split("&"))
        start, size = int(asked.get("pageToken", 0)), int(asked["maxResults"])
        page: dict[str, Any] = {"items": wordy[start : start + size]}
        if start + size < len(wordy):
            page["nextPageToken"] = str(start + size)
        handler.send_json(200, page)

    fake_provider.answer = always(answer)
    monkeypatch.setattr(bounds, "ITEM_VALUES", 30_000)
    assert len(vendor.list_models()) == 30


MODEL_TEXT = '{"name":"m","schema":"s","share":"a"},'
HUGE = {
    "60 MB of models": MODEL_TEXT * 1_500_000,
    "a page of models too many": MODEL_TEXT * 200_000,
    "objects without anything": "{}," * 2_700_000,
    "numbers": "0," * 4_000_000,
    "lists": "[]," * 2_700_000,
    "a model of very many tags": MODEL_TEXT[:-2] + ',"tags":{' + '"aa":"bb",' * 750_000 + '"a":"b"}},',
    "many models of many tags": (
        MODEL_TEXT[:-2] + ',"tags":{' + ",".join(f'"{n:x}":"{n:x}"' for n in range(2_000)) + "}},"
    )
    * 250,
    "full pages without end": MODEL_TEXT * 500,
}


@pytest.mark.parametrize("huge", HUGE)
def test_no_listing_costs_much_memory(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog, huge: str
) -> None:
    """Measured in a process of its own, the interpreter and its libraries included."""
    pages = itertools.count()
    start = b'{"items": [' + HUGE[huge].encode().rstrip(b",")
    fake_provider.answer = always(
        lambda handler: handler.send(200, start + b'], "nextPageToken": "%d"}' % next(pages))
    )
    code = """if True:
        import warnings, model_sharing
        warnings.simplefilter("ignore")
        try:
            model_sharing.catalog("vendor").list_models()
        except model_sharing.SharingError as error:
            print(error.row.exit_code)
        print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    exit_code, kilobytes = map(int, done.stdout.split())
    assert exit_code == NotASharingServer.row.exit_code
    assert kilobytes < 200 * 1024


def test_a_read_waits_as_long_as_the_window_has_left() -> None:
    rate = bounds.MinimumRate()
    here, there = socket.socketpair()
    with here, there, MinimumRateReader(here, rate) as reader:

        def timeout_of_read(count: int) -> float | None:
            there.sendall(bytes(count))
            reader.expected = reader.body_bytes = count
            assert reader.readinto(bytearray(count)) == count
            return here.gettimeout()

        assert timeout_of_read(1) == pytest.approx(bounds.WINDOW_SECONDS, rel=0.02)
        rate.waited(0.9 * bounds.WINDOW_SECONDS)
        assert timeout_of_read(1) == pytest.approx(0.1 * bounds.WINDOW_SECONDS, rel=0.02)
        timeout_of_read(bounds.WINDOW_BYTES)  # which is enough for one window: the next one begins
        assert timeout_of_read(1) == pytest.approx(bounds.WINDOW_SECONDS, rel=0.02)

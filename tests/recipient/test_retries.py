"""Retries with a provider in trouble: how long, how often, and what is said meanwhile."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.settings import RETRY_FOR_VARIABLE
from model_sharing.transport import retries
from model_sharing.transport.retries import RetryNotices
from model_sharing_protocol.errors import (
    InternalError,
    NotASharingServer,
    NotFound,
    ServerUnreachable,
)
from support.clock import Clock
from support.fake_provider.faults import always, answer_status, pack_well
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.processes.servers import free_port
from support.recipient_cli import RunCli

REF = "ml_team.iris_model/1"
FILES = {"MLmodel": b"flavors: {}\n", "weights.bin": b"w" * 1000}
PAGE = b"<html><h1>Bad Gateway</h1></html>"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "0.2s")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Enough time for each story to end well, and hardly any of it waited for."""
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "60s")
    monkeypatch.setattr(retries, "_LONGEST_WAIT_SECONDS", 0.01)
    yield


def reset(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    for end in (handler.rfile, handler.wfile, handler.connection):
        end.close()


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


def page(status: int) -> Callable[[Handler], object]:
    return lambda handler: handler.send(status, PAGE, "text/html")


def json_of_a_gateway(handler: Handler) -> None:
    handler.send_json(500, {"message": "Internal server error"})


def in_turn(*faults: Callable[[Handler], Any]) -> Callable[[Handler], bool]:
    """Each once, and then a good answer."""
    left = iter(faults)

    def answer(handler: Handler) -> bool:
        fault = next(left, None)
        if fault is not None:
            fault(handler)
        return fault is not None

    return answer


TROUBLE: list[Callable[[Handler], object]] = [
    *[page(status) for status in (500, 501, 502, 503, 504, 507, 520, 524, 529, 599, 429, 408)],
    json_of_a_gateway,
    lambda handler: handler.send_error_answer(500, "INTERNAL_ERROR", ""),
    lambda handler: handler.send(503, b"", Retry_After=formatdate(time.time() - 5, usegmt=True)),
    reset,
    hang_up,
]


@pytest.mark.usefixtures("quick")
def test_whatever_trouble_passes_is_not_noticed(fake_provider: FakeProvider, profile: Path) -> None:
    fake_provider.publish("ml_team.iris_model", 1, FILES)
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.answer = in_turn(*TROUBLE)
    assert [model.full_name for model in vendor.list_models()] == ["vendor.ml_team.iris_model"]
    fake_provider.answer = in_turn(*TROUBLE)
    assert len(list(vendor.snapshot(REF).folder.iterdir())) == 2


@pytest.mark.usefixtures("quick")
def test_trouble_with_files_passes_too(fake_provider: FakeProvider, profile: Path) -> None:
    files = {f"{name}.txt": name.encode() for name in "abcdef"}
    fake_provider.publish("ml_team.iris_model", 1, files)
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    statuses = iter([500, 501, 502, 520, 429])

    def packs(handler: Handler, contents: list[bytes]) -> None:
        status = next(statuses, None)
        if status is None:
            pack_well(handler, contents)
        else:
            handler.send(status, PAGE, "text/html")

    fake_provider.packs = packs
    vendor.snapshot(REF)
    assert not any("/files/pack" not in request.path for request in fake_provider.file_requests())
    fake_provider.publish("ml_team.iris_model", 2, {"weights.bin": b"v" * 100_000})
    fake_provider.packs = None
    fake_provider.faults = [answer_status(status) for status in (500, 501, 507, 520, 429, 408)]
    assert (vendor.snapshot("ml_team.iris_model/2").folder / "weights.bin").read_bytes() == b"v" * 100_000


@pytest.mark.parametrize("answer", [page(500), page(530), json_of_a_gateway])
def test_a_gateway_in_trouble_is_no_fault_of_the_profile(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    run_cli_process: RunCli,
    answer: Callable[[Handler], object],
) -> None:
    fake_provider.answer = always(answer)
    done = run_cli_process("list", "vendor")
    assert done.returncode == 8
    assert "profile" not in done.stderr
    assert "is in trouble (HTTP 5" in done.stderr


def test_a_page_instead_of_an_answer_still_is_no_provider(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    for status in (200, 404):
        fake_provider.answer = always(page(status))
        with pytest.raises(NotASharingServer, match="Check the endpoint"):
            vendor.list_models()


@pytest.mark.parametrize("answer", [page(500), page(502), page(503), reset])
def test_what_is_cached_does_not_wait_for_long(
    fake_provider: FakeProvider,
    profile: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Handler], object],
) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "10m")
    monkeypatch.setattr(retries, "BRIEF_SECONDS", 0.2)
    fake_provider.publish("ml_team.iris_model", 1, FILES, "Champion")
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    vendor.snapshot("ml_team.iris_model@Champion")
    fake_provider.answer = always(answer)
    fake_provider.requests.clear()
    with pytest.warns(model_sharing.StaleAliasWarning):
        assert vendor.snapshot("ml_team.iris_model@Champion").version.version == 1
    assert len(fake_provider.requests) > 1


def test_many_calls_in_vain_do_not_each_wait_as_long(
    fake_provider: FakeProvider, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "1s")
    monkeypatch.setattr(retries, "BRIEF_SECONDS", 0.0)
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.answer = always(page(503))
    asked: list[int] = []
    for _ in range(3):
        fake_provider.requests.clear()
        with pytest.raises(ServerUnreachable):
            vendor.list_models()
        asked.append(len(fake_provider.requests))
    assert asked[0] > 1
    assert asked[1:] == [1, 1]


def test_no_patience_is_a_choice(
    fake_provider: FakeProvider, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "0")
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.answer = always(page(503))
    fake_provider.requests.clear()
    with pytest.raises(ServerUnreachable):
        vendor.list_models()
    assert len(fake_provider.requests) == 1


def test_a_full_disk_over_there_is_not_waited_for(
    fake_provider: FakeProvider, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "40s")
    monkeypatch.setattr(retries, "BRIEF_SECONDS", 0.2)
    vendor = model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.answer = always(
        lambda handler: handler.send(507, PAGE, "text/html", **{"Retry-After": "30"})
    )
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match="507"):
        vendor.list_models()
    assert time.monotonic() - started < 25


def test_a_host_that_nobody_knows_is_not_waited_for_for_long(
    fake_provider: FakeProvider, profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "10m")
    monkeypatch.setattr(retries, "BRIEF_SECONDS", 0.2)
    profile.write_bytes(fake_provider.profile(endpoint="https://nowhere.invalid/x"))
    with pytest.raises(ServerUnreachable, match="host name of it is not known"):
        model_sharing.mount(profile, share=SHARE, name="vendor")


@pytest.mark.usefixtures("quick")
def test_what_is_final_is_told_at_once(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    fake_provider.requests.clear()
    fake_provider.answer = always(
        lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "No.")
    )
    with pytest.raises(NotFound):
        vendor.get_model("ml_team.iris_model")
    assert len(fake_provider.requests) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", [page(500), page(503), page(429), reset, hang_up])
def test_an_activation_link_is_not_used_twice(
    fake_provider: FakeProvider, tmp_path: Path, fault: Callable[[Handler], object]
) -> None:
    fake_provider.answer = in_turn(fault)
    with pytest.raises(Exception, match=r"in trouble|busy|broke") as raised:
        model_sharing.activate(f"{fake_provider.origin}/public/code", tmp_path / "globex.share")
    assert len(fake_provider.requests) == 1
    assert "code" not in str(raised.value)


def test_an_activation_link_is_tried_again_while_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can have arrived where nothing listens: the server is just starting."""
    monkeypatch.setenv(RETRY_FOR_VARIABLE, "30s")
    port = free_port()
    told: list[str] = []
    with contextlib.ExitStack() as started:

        def start(_notices: RetryNotices, reason: str, _seconds: float) -> None:
            told.append(reason)
            if len(told) == 2:
                fake_provider = started.enter_context(FakeProvider(port=port))
                fake_provider.answer = always(lambda handler: handler.send(200, fake_provider.profile()))

        monkeypatch.setattr(RetryNotices, "log", start)
        model_sharing.activate(f"http://127.0.0.1:{port}/public/code", tmp_path / "globex.share")
    assert told == [f"http://127.0.0.1:{port} cannot be reached"] * len(told)


def test_waits_are_told(
    fake_provider: FakeProvider,
    vendor: model_sharing.Catalog,
    caplog: pytest.LogCaptureFixture,
    run_cli_process: RunCli,
) -> None:
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"x"})
    busy = in_turn(lambda handler: handler.send(503, b"", Retry_After="1"))
    fake_provider.answer = busy
    with caplog.at_level(logging.WARNING, "model_sharing"):
        vendor.list_models()
    assert caplog.messages == [f"{fake_provider.origin} is busy or down (503); trying again in 1 s"]
    fake_provider.answer = in_turn(lambda handler: handler.send(429, b"", Retry_After="1"))
    done = run_cli_process("list", "vendor")
    assert (done.returncode, done.stderr) == (
        0,
        f"{fake_provider.origin} is busy or down (429); trying again in 1 s\n",
    )


def test_several_who_wait_for_the_same_say_so_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    notices = RetryNotices(clock)
    with caplog.at_level(logging.WARNING, "model_sharing"):
        for seconds in (0.5, 10, 10, 9):
            notices.log("acme is busy (503)", seconds)
        clock.now = 10
        notices.log("acme\x1b[2J is busy (503)", 5)
    assert caplog.messages == [
        "acme is busy (503); trying again in 10 s",
        r"acme\x1b[2J is busy (503); trying again in 5 s",
    ]


def test_errors_name_the_request_that_the_provider_can_look_up(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    def answer(status: int, request_id: str, body: bytes = PAGE) -> None:
        fake_provider.answer = always(lambda handler: handler.send(status, body, X_Request_Id=request_id))

    answer(500, "3f2a-b.c_d")
    with pytest.raises(ServerUnreachable, match=r"HTTP 500\) \(request 3f2a-b\.c_d\)"):
        vendor.list_models()
    answer(500, "3f2a", b'{"errorCode":"INTERNAL_ERROR","message":"internal error"}')
    with pytest.raises(InternalError, match=r"^internal error \(request 3f2a\)$"):
        vendor.list_models()
    answer(404, "3f2a", b'{"errorCode":"RESOURCE_DOES_NOT_EXIST","message":"No such thing."}')
    with pytest.raises(NotFound, match=r"\(request 3f2a\)$"):
        vendor.list_models()
    answer(404, "a b<script>", b'{"errorCode":"RESOURCE_DOES_NOT_EXIST","message":"No such thing."}')
    with pytest.raises(NotFound, match=r"^No such thing\.$"):
        vendor.list_models()

"""Calls of a provider's API: connections that are kept, shared, given up, or hard to make."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from model_sharing.transport import bounds, http_session
from model_sharing.transport.connecting import connection_over
from model_sharing.transport.response_reader import read_bounded
from model_sharing.transport.session import Transport
from model_sharing.transport.threaded_connection import ThreadedConnection
from model_sharing_protocol.errors import NotFound, ServerUnreachable
from model_sharing_protocol.profile import parse_profile
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import FakeProvider, Handler
from support.network.certificates import self_signed_certificate
from support.patience import within_patience

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.fixture
async def transport(fake_provider: FakeProvider) -> AsyncIterator[Transport]:
    profile = parse_profile(fake_provider.profile())
    async with Transport(lambda: profile, retry_for=0) as transport:
        yield transport


async def call(transport: Transport) -> bytes:
    return await transport.call("GET", "/shares", read_bounded)


def write(answer: bytes) -> Callable[[Handler], object]:
    return lambda handler: handler.wfile.write(answer)


def calling_threads() -> int:
    return sum(thread.name.startswith("model-sharing-call") for thread in threading.enumerate())


async def test_calls_in_turn_share_a_connection(fake_provider: FakeProvider, transport: Transport) -> None:
    fake_provider.answer = always(write(OK + b"\r\n{}"))
    seen: set[socket.socket] = set()
    for _ in range(5):
        assert await call(transport) == b"{}"
        seen |= fake_provider.connections
    assert len(seen) == 1


async def test_many_calls_at_once_have_a_connection_each(
    fake_provider: FakeProvider, transport: Transport
) -> None:
    together = threading.Barrier(20)

    def answer(handler: Handler) -> None:
        together.wait(60)
        handler.wfile.write(OK + b"\r\n{}")

    fake_provider.answer = always(answer)
    assert await asyncio.gather(*(call(transport) for _ in range(20))) == [b"{}"] * 20


async def test_calls_beyond_the_most_wait_for_a_place(
    fake_provider: FakeProvider, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "_MOST_CALLS", 3)
    here, most = 0, 0
    counting = threading.Lock()

    def answer(handler: Handler) -> None:
        nonlocal here, most
        with counting:
            here += 1
            most = max(most, here)
        time.sleep(0.02)  # for others to come
        with counting:
            here -= 1
        handler.wfile.write(OK + b"\r\n{}")

    fake_provider.answer = always(answer)
    assert await asyncio.gather(*(call(transport) for _ in range(12))) == [b"{}"] * 12
    assert most == 3


async def test_a_call_that_outlives_its_session_keeps_no_connection(
    fake_provider: FakeProvider, transport: Transport
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def answer(handler: Handler) -> None:
        asked.set()
        go_on.wait(60)
        handler.wfile.write(OK + b"\r\n{}")

    fake_provider.answer = always(answer)
    task = asyncio.create_task(call(transport))
    assert await asyncio.to_thread(asked.wait, 60)
    await transport.close()
    go_on.set()
    assert await task == b"{}"
    assert await asyncio.to_thread(within_patience, lambda: not fake_provider.connections)


async def test_a_connection_that_the_server_closed_meanwhile_is_no_failure(
    fake_provider: FakeProvider, transport: Transport
) -> None:
    def answer_and_leave(handler: Handler) -> None:
        handler.close_connection = True  # without saying so
        handler.wfile.write(OK + b"\r\n{}")

    fake_provider.answer = always(answer_and_leave)
    for _ in range(3):
        assert await call(transport) == b"{}"
        await asyncio.to_thread(within_patience, lambda: not fake_provider.connections)
    assert len(fake_provider.requests) == 3


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    fake_provider: FakeProvider, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "_IDLE_SECONDS", 0.0)
    fake_provider.answer = always(write(OK + b"\r\n{}"))
    await call(transport)
    (first,) = fake_provider.connections
    await call(transport)
    assert first not in fake_provider.connections


async def test_what_is_sent_once_is_not_sent_again_on_a_new_connection(
    fake_provider: FakeProvider, transport: Transport
) -> None:
    fake_provider.answer = always(write(OK + b"\r\n{}"))
    await call(transport)
    fake_provider.requests.clear()

    def leave(handler: Handler) -> None:
        handler.close_connection = True

    fake_provider.answer = always(leave)
    with pytest.raises(ServerUnreachable):
        await transport.use_link(f"{fake_provider.origin}/activate/abc", read_bounded)
    assert len(fake_provider.requests) == 1


async def test_a_failed_answer_that_was_read_keeps_its_connection(
    fake_provider: FakeProvider, transport: Transport
) -> None:
    fake_provider.answer = always(
        lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "No.")
    )
    for _ in range(2):
        with pytest.raises(NotFound):
            await call(transport)
    assert len(fake_provider.connections) == 1


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
async def test_interim_answers_are_read_over(
    fake_provider: FakeProvider, transport: Transport, interim: str
) -> None:
    first = f"HTTP/1.1 {interim}\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n".encode()
    fake_provider.answer = always(write(first * 2 + OK + b"\r\n{}"))
    assert [await call(transport) for _ in range(2)] == [b"{}"] * 2
    assert len(fake_provider.connections) == 1


def test_interim_answers_before_files(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> None:
    def hint(handler: Handler, content: bytes, start: int, end: int) -> None:
        handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        handler.start_file(content, start, end)
        handler.send_bytes(content[start:end])

    fake_provider.publish("ml_team.iris_model", 1, {"model.bin": b"m" * 100_000})
    fake_provider.default_fault = hint
    folder = vendor.snapshot("ml_team.iris_model/1").folder
    assert (folder / "model.bin").read_bytes() == b"m" * 100_000


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n",
    ],
    ids=["short", "in a chunk", "between chunks", "no chunk"],
)
async def test_half_an_answer_is_none(
    fake_provider: FakeProvider, transport: Transport, broken: bytes
) -> None:
    def send(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(broken)

    fake_provider.answer = always(send)
    with pytest.raises(ServerUnreachable, match="broke the connection off"):
        await call(transport)


def test_calls_and_files_share_one_tls_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To make one takes longer than a handshake."""
    certificate = self_signed_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    made: list[object] = []
    new = ssl.SSLContext.__new__

    def count(kind: type[ssl.SSLContext], protocol: ssl._SSLMethod) -> ssl.SSLContext:
        made.append(kind)
        return new(kind, protocol)

    with FakeProvider(certificate) as provider:
        provider.publish("ml_team.iris_model", 1, {f"{n}.bin": bytes([n]) * 100_000 for n in range(4)})
        profile = tmp_path / "globex.share"
        profile.write_bytes(provider.profile())
        monkeypatch.setattr(ssl.SSLContext, "__new__", count)
        model_sharing.mount(profile, share=SHARE, name="vendor").snapshot("ml_team.iris_model/1")
    assert len(made) == 1


@pytest.mark.parametrize("begun", [b"", OK + b"\r\n{"], ids=["before the headers", "in the body"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_call_that_is_cancelled_leaves_no_thread_and_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, begun: bytes
) -> None:
    waiting, left = threading.Event(), threading.Event()

    def hold(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(begun)
        waiting.set()
        with contextlib.suppress(OSError):
            handler.connection.recv(1)  # until the client goes away
        left.set()

    certificate = None
    if scheme == "https":
        certificate = self_signed_certificate(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with FakeProvider(certificate=certificate) as provider:
        provider.answer = always(hold)
        profile = parse_profile(provider.profile())
        async with Transport(lambda: profile, retry_for=0) as transport:
            task = asyncio.create_task(call(transport))
            assert await asyncio.to_thread(waiting.wait, 60)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(left.wait, 60)
        assert await asyncio.to_thread(within_patience, lambda: calling_threads() == 0)


def test_a_program_that_ends_does_not_wait_for_a_call(
    fake_provider: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    """One that a thread of its own makes, which it leaves alone."""
    asked = threading.Event()

    def hold(handler: Handler) -> None:
        handler.close_connection = True
        asked.set()
        with contextlib.suppress(OSError):
            handler.connection.recv(1)  # until the client goes away

    fake_provider.answer = always(hold)
    program = "import threading, model_sharing\nvendor = model_sharing.catalog('vendor')\n"
    program += "threading.Thread(target=vendor.list_models, daemon=True).start()\ninput()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        assert asked.wait(60)
        process.communicate(b"\n", timeout=50)  # an answer would be waited for for a minute
    assert process.returncode == 0


async def test_a_handshake_that_is_not_answered_is_given_up(
    fake_provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "HEADERS_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"https://127.0.0.1:{silent.getsockname()[1]}/delta-sharing"
        profile = parse_profile(fake_provider.profile(endpoint=endpoint))
        async with Transport(lambda: profile, retry_for=0) as transport:
            with pytest.raises(ServerUnreachable, match="did not answer in time"):
                await call(transport)
        assert await asyncio.to_thread(within_patience, lambda: calling_threads() == 0)


async def test_what_is_given_up_before_its_thread_begins_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late: list[threading.Thread] = []
    ran: list[object] = []
    begin = threading.Thread.start

    def postpone(thread: threading.Thread) -> None:
        late.append(thread)

    near, far = socket.socketpair()
    with far:
        connection = ThreadedConnection(connection_over(near, "http", "127.0.0.1", 80))
        with monkeypatch.context() as busy:
            busy.setattr(threading.Thread, "start", postpone)
            task = asyncio.create_task(connection.run(ran.append, 60))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        connection.close()
        for thread in late:
            begin(thread)
            thread.join()
    assert len(late) == 1 and not ran


async def test_an_address_that_leads_nowhere_is_not_waited_for(
    fake_provider: FakeProvider, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of IPv6, in a network that has none and does not say so."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with contextlib.ExitStack() as waiting:  # beyond the backlog, a connection is not answered
            for _ in range(4):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            loop = asyncio.get_running_loop()
            real = loop.getaddrinfo

            async def two_addresses(host: str, port: int, **options: Any) -> list[Any]:
                found = await real(host, port, **options)
                return [(*found[0][:4], full.getsockname()), *found]

            monkeypatch.setattr(loop, "getaddrinfo", two_addresses)
            monkeypatch.setattr(bounds, "CONNECT_SECONDS", 60.0)
            fake_provider.answer = always(write(OK + b"\r\n{}"))
            started = loop.time()
            assert await call(transport) == b"{}"
            assert loop.time() - started < 30

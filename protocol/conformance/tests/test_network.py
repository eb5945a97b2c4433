"""Requests over sockets, to servers that mean no good: each ends within its bounds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from mutants import contents
from opensharing_conformance import network
from opensharing_conformance.client import Client
from opensharing_conformance.expectations import Expectations
from opensharing_conformance.network import NetworkTransport
from opensharing_conformance.profiles import Profile
from opensharing_conformance.requirements import load_requirements
from opensharing_conformance.runner import make_subject, run
from opensharing_conformance.transport import NoAnswer, Request

PATIENT, BRIEF = 120.0, 0.3
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server on this machine that answers each connection so; its URL."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join()


def drip(start: bytes) -> Callable[[socket.socket], None]:
    """A byte now and then, for ever."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(b"x")
            threading.Event().wait(0.02)

    return answer


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", OK + b"\r\n", OK + b"Content-Length: 9000000\r\n\r\n"],
    ids=["status", "headers", "body without length", "body"],
)
def test_a_server_that_drips_is_left(start: bytes) -> None:
    with serving(drip(start)) as url, pytest.raises(NoAnswer, match="within"):
        NetworkTransport(BRIEF).send(Request("GET", url))


@pytest.mark.parametrize(
    "said",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 ok\r\n\r\n", OK + b"X: y\r\n" * 200 + b"\r\n"],
)
def test_what_is_not_http_is_no_answer(said: bytes) -> None:
    with serving(lambda connection: connection.sendall(said)) as url, pytest.raises(NoAnswer):
        NetworkTransport(PATIENT).send(Request("GET", url))


def test_a_body_that_does_not_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_BODY_BYTES", 1000)

    def answer(connection: socket.socket) -> None:
        connection.sendall(OK + b"\r\n")
        while True:
            connection.sendall(b"x" * 4096)

    with serving(answer) as url:
        response = NetworkTransport(PATIENT).send(Request("GET", url))
    assert len(response.body) == 1000
    assert response.truncated


def test_a_redirect_is_not_followed() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with serving(lambda connection: connection.sendall(away)) as url:
        assert NetworkTransport(PATIENT).send(Request("GET", url)).status == 302


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://", "http://127.0.0.1:port/", "nothing"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(NoAnswer, match="URL"):
        NetworkTransport(PATIENT).send(Request("GET", url))


def test_a_run_against_nobody_ends_at_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    client = Client(endpoint, contents.TOKEN, NetworkTransport(PATIENT))
    subject = make_subject(Profile(contents.profile(contents.TOKEN)), client, Expectations())
    report = run(subject, load_requirements().of_side("server"))
    assert report.exit_code == 2
    assert "cannot be reached" in report.stopped

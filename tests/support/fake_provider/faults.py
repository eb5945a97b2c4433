"""Behaviors of the fake provider: values for its `answer`, `faults`, `default_fault` and `packs`."""

from __future__ import annotations

import time
from collections.abc import Callable

from support.fake_provider.server import Fault, Handler


def always(send: Callable[[Handler], object]) -> Callable[[Handler], bool]:
    """A value for `FakeProvider.answer`: this instead of every answer of the API."""

    def answer(handler: Handler) -> bool:
        send(handler)
        return True

    return answer


def pack_well(handler: Handler, contents: list[bytes]) -> None:
    handler.send(200, b"".join(contents), "application/octet-stream")


def cut_after(count: int) -> Fault:
    """Promise all, send `count` bytes, and hang up."""

    def fault(handler: Handler, content: bytes, start: int, end: int) -> None:
        handler.start_file(content, start, end)
        handler.send_bytes(memoryview(content)[start : min(end, start + count)])
        handler.close_connection = True

    return fault


def corrupt(handler: Handler, content: bytes, start: int, end: int) -> None:
    """Flip a bit of the first byte."""
    handler.start_file(content, start, end)
    handler.send_bytes(bytes([content[start] ^ 1]) + content[start + 1 : end])


def ignore_range(handler: Handler, content: bytes, start: int, end: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.send_bytes(content)


def add_a_byte(handler: Handler, content: bytes, start: int, end: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) + 1))
    handler.end_headers()
    handler.send_bytes(content + b"!")


def answer_status(status: int, **headers: str) -> Fault:
    def fault(handler: Handler, content: bytes, start: int, end: int) -> None:
        handler.send(status, b"<html>no</html>", "text/html", **headers)

    return fault


def slowly(seconds_a_piece: float) -> Fault:
    """256 KiB at a time with a pause after each."""

    def fault(handler: Handler, content: bytes, start: int, end: int) -> None:
        handler.start_file(content, start, end)
        for position in range(start, end, 256 * 1024):
            handler.send_bytes(memoryview(content)[position : min(end, position + 256 * 1024)])
            time.sleep(seconds_a_piece)

    return fault

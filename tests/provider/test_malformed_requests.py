"""No byte of a malformed request comes back in an answer, or is in a server's log: it may hold a token."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from model_sharing_provider.serving.logs import LibraryLines
from support.hostile_input.malformed_requests import SECRETS, TOKEN, malformed_requests
from support.network.certificates import self_signed_certificate
from support.processes.provider import ProviderProcess

_STATUS = re.compile(rb"HTTP/\d\.\d \d{3} ")
_SERVER = re.compile(rb"(?mi)^server: (.*)\r$")
_ANSWERED_WITHIN_SECONDS = 0.7
_AT_ONCE = 4


async def sent(port: int, pieces: list[bytes]) -> bytes:
    """Response until the server ends the connection, or falls silent."""
    answer = b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError, TimeoutError):
        for number, piece in enumerate(pieces):
            await asyncio.sleep(0.1 * bool(number))
            writer.write(piece)
            await writer.drain()
        part = b"-"
        while part:
            # More may follow a first answer: it is then on the way already.
            async with asyncio.timeout(0.1 if b"\r\n\r\n" in answer else _ANSWERED_WITHIN_SECONDS):
                part = await reader.read(65536)
            answer += part
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def all_sent(port: int, requests: dict[str, list[bytes]]) -> dict[str, bytes]:
    """The answers to each, by its name."""
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(pieces: list[bytes]) -> bytes:
        async with few:
            return await sent(port, pieces)

    answers = await asyncio.gather(*map(one, requests.values()))
    return dict(zip(requests, answers, strict=True))


def check(name: str, answer: bytes) -> None:
    """Check that an answer, if there is one, quotes nothing and has the head that all have."""
    assert not any(secret.encode() in answer for secret in SECRETS), (name, answer)
    if answer:
        assert _STATUS.match(answer), (name, answer)
        assert set(_SERVER.findall(answer)) == {b"model-sharing"}, (name, answer)
        assert answer.count(b"X-Content-Type-Options: nosniff") == len(_STATUS.findall(answer)), name


def lines_of(said: str) -> list[dict[str, object]]:
    """The log's lines; each is JSON, but for what is told to whoever started the server."""
    for secret in SECRETS:
        assert secret not in said
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if line.startswith("{")]
    told = [line for line in said.splitlines() if not line.startswith("{")]
    others = [line for line in told if not re.match(r"Serving|Explorer|Metrics|First start|  \w+ ", line)]
    assert not others, "\n".join(others)
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("parser", "workers"), [("c", 1), ("python", 2)])
async def test_nothing_of_a_malformed_request_is_said(parser: str, workers: int, tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    options = ("--workers", str(workers), "--metrics-port", "0")
    environment = {"AIOHTTP_NO_EXTENSIONS": "1" if parser == "python" else ""}
    with ProviderProcess(home, options=options, environment=environment, log=log) as server:
        requests = malformed_requests((home / "admin.token").read_text())
        found = re.search(r"Metrics on http://127.0.0.1:(\d+)/", server.said)
        assert found
        metrics = int(found[1])
        answers = await all_sent(server.port, requests)
        for name, answer in answers.items():
            assert b" 500 " not in answer, name
            check(name, answer)
        refused = answers["folded header"]
        assert refused.startswith(b"HTTP/1.0 400 ")
        body = {"errorCode": "MALFORMED_REQUEST", "message": "This is not an HTTP/1.1 request."}
        assert json.loads(refused.partition(b"\r\n\r\n")[2]) == body
        for name, answer in (await all_sent(metrics, requests)).items():
            check(name, answer)
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{metrics}/metrics") as scraped,
        ):
            counted = re.findall(r'route="malformed",status="400"} ([\d.]+)', await scraped.text())
        assert sum(map(float, counted)) > 30
    lines = lines_of(server.said)
    told = [line for line in lines if line["event"] == "malformed requests"]
    assert 1 <= len(told) < 30
    assert {line["address"] for line in told} == {"127.0.0.1"}
    assert {line["event"] for line in lines} == {"request", "malformed requests"}


async def test_what_is_no_tls_is_not_quoted_either(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    with ProviderProcess(home, self_signed_certificate(tmp_path), log=log) as server:
        handshake = b"\x16\x03\x01\x00\x40\x01" + TOKEN.encode() * 9
        for pieces in (
            [f"GET /{TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n".encode()],
            [handshake],
            [b"\x16\x03\x01"],
        ):
            assert TOKEN.encode() not in await sent(server.port, pieces)
    lines_of(server.said)


@pytest.fixture
async def library() -> AsyncIterator[logging.Logger]:
    """A library's logger, as a served process hears it."""
    logger, heard = logging.getLogger("a.library"), LibraryLines()
    logger.addHandler(heard)
    logger.propagate = False
    yield logger
    logger.removeHandler(heard)


def test_a_line_of_a_library_says_where_and_what_kind_but_none_of_its_words(
    library: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        library.exception("failed at %s", TOKEN)
    library.error(f"failed at {TOKEN}")
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err
    assert "a.library" in said.out + said.err
    assert "ValueError" in said.out + said.err

"""Object stores by a provider's credentials: what they and a bucket say is not believed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from model_sharing.downloads.store_transfer import StoreTransfer
from model_sharing_protocol.errors import Interrupted, NotASharingServer
from model_sharing_protocol.open_sharing import SessionKeys, TemporaryCredentials

LOCATION = "s3://lake/prompts"
_MOST_REQUESTS = 2000


class Bucket(ThreadingHTTPServer):
    """Server of S3 that lists what `inside` says is in a folder, as XML, and keeps the headers it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.inside: Callable[[str], str] = lambda folder: _file(f"{folder}one.txt")
        self.headers: list[dict[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        folder = parse_qs(urlsplit(self.path).query)["prefix"][0]
        inside = self.server.inside(folder) if len(self.server.headers) < _MOST_REQUESTS else ""
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{inside}</ListBucketResult>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be silent."""


def _file(key: str) -> str:
    when = "2026-01-01T00:00:00.000Z"
    return f"<Contents><Key>{key}</Key><Size>3</Size><LastModified>{when}</LastModified></Contents>"


def _folder(prefix: str) -> str:
    return f"<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with Bucket() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-machine")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-this-machine")
        yield server
        server.shutdown()
        thread.join()


def open_store(
    location: str = LOCATION, key: str = "ID", secret: str = "s", token: str = "t"
) -> StoreTransfer:
    return StoreTransfer(location, TemporaryCredentials(1, SessionKeys(key, secret, token)))


def test_files_are_listed_by_the_credentials_that_were_given(bucket: Bucket) -> None:
    bucket.inside = lambda folder: (
        _file(f"{folder}one.txt") + (_folder(f"{folder}a/") * (folder == "prompts/"))
    )
    assert sorted(file.path for file in open_store().list()) == ["a/one.txt", "one.txt"]
    assert all("Credential=ID/" in each["authorization"] for each in bucket.headers)


@pytest.mark.parametrize(
    "keys",
    [
        {"key": "ID\r\nX-More: headers"},
        {"token": "t\r\n\r\nDELETE /lake HTTP/1.1\r\nHost: inside"},
        {"secret": "s\n"},
        {"key": "I\0D"},
        {"key": "", "secret": "", "token": ""},
        {"key": "ÏD"},
        {"token": "t" * 10_000},
    ],
)
def test_no_credentials_become_something_else(bucket: Bucket, keys: dict[str, str]) -> None:
    with pytest.raises(NotASharingServer, match="credentials"):
        open_store(**keys).list()
    assert not bucket.headers


@pytest.mark.parametrize(
    "location",
    [
        "s3://[",
        "s3://\u2100/x",
        "s3://user:password@lake/x",
        "s3://lake:1/x",
        "s3://lake",
        "s3://lake//x",
        "s3://lake/../other/x",
        "s3://lake/a/./b",
        "s3://lake/\x1b[31mx",
        "s3://lake/a\nb",
        "s3://lake/" + "a" * 2000,
    ],
)
def test_a_location_is_a_bucket_and_a_plain_path(bucket: Bucket, location: str) -> None:
    with pytest.raises(NotASharingServer, match="location"):
        open_store(location).list()
    assert not bucket.headers


@pytest.mark.parametrize(
    "inside",
    [
        lambda folder: _folder(f"{folder}/"),
        lambda folder: _file(f"{folder}//x"),
        lambda folder: _folder(f"{folder}{'deeper' * 20}/"),
        lambda folder: _folder(f"{folder}../"),
        lambda folder: _file("elsewhere/x") + _folder("elsewhere/"),
    ],
    ids=["a circle", "an empty name", "without an end", "upwards", "another folder"],
)
def test_no_listing_goes_on_for_ever(bucket: Bucket, inside: Callable[[str], str]) -> None:
    bucket.inside = inside
    with pytest.raises(NotASharingServer, match="no file can have"):
        open_store().list()
    assert len(bucket.headers) < _MOST_REQUESTS / 2


def test_a_listing_can_be_stopped(bucket: Bucket) -> None:
    store = open_store()

    def inside(folder: str) -> str:
        store.stop()
        return _folder(f"{folder}a/")

    bucket.inside = inside
    with pytest.raises(Interrupted):
        store.list()
    assert len(bucket.headers) == 1

"""An edge of a CDN in front of a bucket: checks each URL's signature, and fetches what it has not cached.

It is written from the documentation of Amazon and Google, by `cryptography` and the standard library, and
shares no code with the provider. As documented, it compares URLs as they were requested, and takes none of
its own parameters to the origin.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote

import obstore
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from obstore.store import S3Store

Check = Callable[[str, dict[str, str], str], bool]
"""Of a URL without its query, the parameters of the query, and the whole URL: True if it may be served."""


class SignedEdge:
    """Serves a bucket, which it alone may read, to signed URLs. Use it as a context manager.

    It `corrupts` contents if told to. `delivered` are the requested paths and ranges, `fetched` the paths
    that the origin was asked for.
    """

    def __init__(self, bucket: str, check: Check) -> None:
        self.check = check
        self._origin = S3Store.from_url(bucket)
        self.delivered: list[tuple[str, str | None]] = []
        self.refused: list[str] = []
        self.fetched: list[str] = []
        self.corrupts = False
        self._cache: dict[str, tuple[int, bytes]] = {}
        self._lock = threading.Lock()
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                edge.serve(self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> SignedEdge:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        path, _, query = request.path.partition("?")
        url = self.url + path
        if not self.check(url, dict(parse_qsl(query)), self.url + request.path):
            self.refused.append(path)
            return _answer(request, 403, b"<Error><Code>AccessDenied</Code></Error>", {})
        wanted = request.headers.get("Range")
        self.delivered.append((path, wanted))
        status, content = self._content(path)
        if self.corrupts and status == 200:
            content = bytes(len(content))
        if status != 200 or wanted is None:
            return _answer(request, status, content, {})
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        part = content[int(start) : int(end) + 1]
        where = {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"}
        return _answer(request, 206, part, where)

    def _content(self, path: str) -> tuple[int, bytes]:
        with self._lock:
            if path not in self._cache:
                self.fetched.append(path)
                try:
                    content = bytes(obstore.get(self._origin, unquote(path[1:])).bytes())
                except FileNotFoundError:
                    return 404, b""
                self._cache[path] = 200, content
            return self._cache[path]


def _answer(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body)), "Accept-Ranges": "bytes"}.items():
        request.send_header(name, value)
    request.end_headers()
    with contextlib.suppress(ConnectionError):  # who has had enough goes away
        request.wfile.write(body)


def cloudfront(keys: dict[str, rsa.RSAPublicKey | ec.EllipticCurvePublicKey]) -> Check:
    """CloudFront with the public keys of a trusted key group, by their ids."""

    def check(url: str, query: dict[str, str], _whole: str) -> bool:
        key = keys.get(query.get("Key-Pair-Id", ""))
        if key is None or "Signature" not in query:
            return False
        if "Policy" in query:
            policy = _decoded(query["Policy"])
        elif "Expires" in query:
            policy = (
                f'{{"Statement":[{{"Resource":"{url}","Condition":'
                f'{{"DateLessThan":{{"AWS:EpochTime":{int(query["Expires"])}}}}}}}]}}'
            ).encode()
        else:
            return False
        digest = {"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256()}[query.get("Hash-Algorithm", "SHA1")]
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(_decoded(query["Signature"]), policy, padding.PKCS1v15(), digest)
            else:
                key.verify(_decoded(query["Signature"]), policy, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        [statement] = json.loads(policy)["Statement"]
        return _matches(statement["Resource"], url) and not _is_over(statement["Condition"])

    return check


def _matches(resource: str, url: str) -> bool:
    start, star, rest = resource.partition("*")
    assert not rest
    return url.startswith(start) if star else url == resource


def _is_over(condition: Any) -> bool:
    return bool(condition["DateLessThan"]["AWS:EpochTime"] <= time.time())


def _decoded(text: str) -> bytes:
    for ours, theirs in (("-", "+"), ("_", "="), ("~", "/")):
        text = text.replace(ours, theirs)
    return base64.b64decode(text, validate=True)


def google(keys: dict[str, bytes | ed25519.Ed25519PublicKey]) -> Check:
    """Cloud CDN (keys of 16 bytes) or Media CDN (Ed25519), by the names of the keys."""

    def check(url: str, query: dict[str, str], whole: str) -> bool:
        key = keys.get(query.get("KeyName", ""))
        signed, found, signature = whole.partition("&Signature=")
        if key is None or not found or int(query["Expires"]) <= time.time():
            return False
        if "URLPrefix" in query:
            if not url.startswith(base64.urlsafe_b64decode(query["URLPrefix"]).decode()):
                return False
            signed = signed.partition("?")[2]
        given = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        if isinstance(key, bytes):
            return hmac.compare_digest(given, hmac.new(key, signed.encode(), hashlib.sha1).digest())
        try:
            key.verify(given, signed.encode())
        except InvalidSignature:
            return False
        return True

    return check

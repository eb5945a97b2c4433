"""A provider played by the test: it speaks the protocol, and misbehaves as told.

Tests of the recipient play an unlucky or hostile provider with it; what a good one does is tested against the
real one.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from model_sharing_protocol.dsse import SigningKey
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import SignedName, State, sign_manifest, sign_state
from model_sharing_protocol.signing_keys import KeyList, ListedKey, endorse
from model_sharing_protocol.terms import TERMS_COMMAND
from support.fake_provider.folders import serve_folder
from support.fake_provider.models import SHARE, Files, Model, XorDelta, digest_of, manifest_of

TOKEN = "msh_" + "t0ken" * 9
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")

Fault = Callable[["Handler", bytes, int, int], None]
Pack = Callable[["Handler", list[bytes]], None]


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


class FakeProvider:
    """`models` is what it shares, in each of its `shares`, with the holders of `tokens`.

    `folders` are volumes and skills beside them, by kind and name: `("volumes", "evaluation.prompts")`.

    `faults` are used up by the file requests, one each, `default_fault` by those after them.
    It signs with `key` and lists `keys`; `sequence` is that of its states, as signed `ago` seconds ago.
    `edit_answer` changes what it says of anything, `edit_version` and `edit_query` of versions alone.
    `terms` are refused files for until they are accepted; without any, it does not know of terms.
    It has a change feed if it was given one: see `change_feed`.
    With a `certificate`, a PEM file with its key, it speaks TLS.
    """

    def __init__(self, certificate: Path | None = None, port: int = 0) -> None:
        self.scheme = "https" if certificate else "http"
        self.models: dict[str, Model] = {}
        self.shares = [SHARE]
        self.tokens = {TOKEN}
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.default_fault: Fault | None = None
        self.answer: Callable[[Handler], bool] | None = None
        self.key = SigningKey.generate()
        self.keys = [ListedKey(self.key.public.pem, 0)]
        self.sequence = (1, 1)
        self.ago = 0
        self.edit_answer: Callable[[Any], Any] | None = None
        self.edit_version: Callable[[dict[str, Any]], dict[str, Any]] | None = None
        self.edit_query: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
        self.url_base: str | None = None
        self.file_origins: tuple[str, ...] = ()
        self.terms: list[dict[str, Any]] = []
        self.feed: Callable[[Handler], None] | None = None
        self.packs: Pack | None = None
        self.chunk_maps: Callable[[Files], bytes] | None = None
        self.signs_chunk_maps = False
        self.deltas: list[XorDelta] = []
        self.folders: dict[tuple[str, str], Files] = {}
        self.folders_by_credentials = False
        self.folder_credentials: dict[str, Any] | None = None
        self.folder_location = ""
        self.skills_say = "Reads PDF files."
        self.tickets = 0
        self.refuse_tickets_below = 0
        self.file_bytes_sent = 0
        self.connections: set[socket.socket] = set()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), Handler)
        self._server.fake = self
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread: threading.Thread | None = None

    def __enter__(self) -> FakeProvider:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away: connections are refused from now on."""
        if self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._thread = None

    @property
    def origin(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def endpoint(self) -> str:
        return f"{self.origin}/delta-sharing"

    def profile(self, **changes: object) -> bytes:
        fields = {"shareCredentialsVersion": 1, "endpoint": self.endpoint, "bearerToken": TOKEN}
        return json.dumps(fields | changes).encode()

    def publish(self, model: str, version: int, files: Files, *aliases: str) -> None:
        entry = self.models.setdefault(model, Model())
        entry.versions[version] = files
        for alias in aliases:
            entry.aliases[alias] = version

    def rotate(self, *, endorsed: bool = True) -> None:
        """Sign with a new key, for which the old one vouches if it is `endorsed`."""
        new = SigningKey.generate()
        endorsement = endorse(self.key, new.public) if endorsed else None
        self.keys.append(ListedKey(new.public.pem, 0, endorsement))
        self.key = new

    def recall(self, model: str, version: int, reason: str, replacement: int | None = None) -> None:
        """Recall a version now, as the newest change of the model."""
        at = int(time.time() * 1000)
        self.models[model].recalls[version] = Recall(reason, at, replacement)
        self.sequence = (self.sequence[0], at)

    def file_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path.startswith("/files/")]

    def find_content(self, digest: str) -> bytes | None:
        for model in self.models.values():
            for files in model.versions.values():
                maps = [self.chunk_maps(files)] if self.chunk_maps else []
                for content in (*files.values(), *maps, *(delta.content for delta in self.deltas)):
                    if digest_of(content) == digest:
                        return content
        contents = (content for files in self.folders.values() for content in files.values())
        return next((content for content in contents if digest_of(content) == digest), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeProvider

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the story."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body need not wait until its headers are acknowledged
    server: _Server

    @property
    def fake(self) -> FakeProvider:
        return self.server.fake

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def setup(self) -> None:
        super().setup()
        self.fake.connections.add(self.connection)

    def finish(self) -> None:
        self.fake.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._handle()

    def send(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status: int, value: object, **headers: str) -> None:
        edited = self.fake.edit_answer(value) if self.fake.edit_answer else value
        self.send(status, json.dumps(edited).encode(), **headers)

    def send_error_answer(self, status: int, code: str, message: str) -> None:
        self.send_json(status, {"errorCode": code, "message": message})

    def _handle(self) -> None:
        with self.fake.lock:
            self.fake.requests.append(Request(self.command, self.path, dict(self.headers)))
        if self.path.startswith("/files/"):
            self._serve_file()
        elif not (self.fake.answer and self.fake.answer(self)):
            self._serve_api()

    def _serve_api(self) -> None:
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.fake.tokens:
            self.send_error_answer(401, "UNAUTHENTICATED", "The token is not known.")
            return
        parts = [
            unquote(part) for part in urlsplit(self.path).path.removeprefix("/delta-sharing").split("/")[1:]
        ]
        match parts:
            case ["keys"]:
                self.send_json(
                    200, msgspec.to_builtins(KeyList(tuple(self.fake.keys), self.fake.file_origins))
                )
            case ["shares"]:
                self.send_items([{"name": share} for share in self.fake.shares])
            case ["shares", share, *_] if share not in self.fake.shares:
                self.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", f"The share {share!r} does not exist.")
            case ["shares", share]:
                self.send_json(200, {"share": {"name": share}})
            case ["shares", _, "changes"] if self.fake.feed is not None:
                self.fake.feed(self)
            case ["shares", _, "terms", *rest] if self.fake.terms:
                self._serve_terms(rest)
            case ["shares", _, "schemas"]:
                schemas = sorted({name.split(".")[0] for name in self.fake.models})
                self.send_items([{"name": schema, "share": SHARE} for schema in schemas])
            case ["shares", _, "all-models"]:
                self.send_items([self._model(name) for name in sorted(self.fake.models)])
            case ["shares", _, "schemas", schema, "models"]:
                names = [name for name in sorted(self.fake.models) if name.startswith(f"{schema}.")]
                self.send_items([self._model(name) for name in names])
            case ["shares", _, "schemas", schema, "models", model, *rest]:
                self._serve_model(f"{schema}.{model}", rest)
            case _:
                serve_folder(self, parts)

    def _serve_model(self, name: str, rest: list[str]) -> None:
        model = self.fake.models.get(name, Model())
        lowered = {known.lower(): number for known, number in model.aliases.items()}
        match rest:
            case [] if name in self.fake.models:
                self.send_json(200, self._model(name))
            case ["versions"] if name in self.fake.models:
                self.send_items([self._version(name, number) for number in model.versions])
            case ["versions", number] if int(number) in model.versions:
                self._send_version(name, int(number))
            case ["aliases", alias] if alias.lower() in lowered:
                self._send_version(name, lowered[alias.lower()], alias.lower())
            case ["versions", number, "query"] if int(number) in model.versions:
                self._serve_query(name, int(number))
            case ["aliases", alias, "query"] if alias.lower() in lowered:
                self._serve_query(name, lowered[alias.lower()], alias.lower())
            case _:
                self.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", f"{name} {rest} does not exist.")

    def _serve_terms(self, rest: list[str]) -> None:
        if not rest:
            self.send_items(self.fake.terms)
            return
        digest, by = rest[0], json.loads(self.body)["acceptedBy"]
        for terms in self.fake.terms:
            if terms["digest"] == digest:
                terms.update(acceptedAt=1_700_000_000_000, acceptedBy=by)
                self.send_json(200, terms)
                return
        self.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", f"The terms {digest} do not apply.")

    def _send_version(self, name: str, number: int, alias: str | None = None) -> None:
        version = self._signed_version(name, number, alias)
        if self.fake.edit_version:
            version = self.fake.edit_version(version)
        said = {field: value for field, value in version.items() if field != "state"}
        tag = f'W/"{sha256(repr((said, self.fake.sequence, self.fake.key.public.pem)).encode()).hexdigest()}"'
        if self.headers.get("If-None-Match") == tag:
            self.send(304, b"", ETag=tag)
        else:
            self.send_json(200, version, ETag=tag)

    def _signed_version(self, name: str, number: int, alias: str | None) -> dict[str, Any]:
        version = self._version(name, number)
        issued_at = int((time.time() - self.fake.ago) * 1000)
        recall = self.fake.models[name].recalls.get(number)
        state = State(SHARE, name, alias, number, version["digest"], self.fake.sequence, issued_at, recall)
        return {**version, "state": msgspec.to_builtins(sign_state(self.fake.key, state))}

    def _serve_query(self, name: str, number: int, alias: str | None = None) -> None:
        if number in self.fake.models[name].recalls and "includeRecalled=true" not in self.path:
            self.send_error_answer(403, "VERSION_RECALLED", "It was recalled.")
            return
        for terms in self.fake.terms if "includeUrls=false" not in self.path else ():
            if "acceptedAt" not in terms and name in terms.get("appliesTo", [name]):
                message = f"The terms {terms['digest']} are not accepted. Read them with: {TERMS_COMMAND}"
                self.send_error_answer(403, "TERMS_NOT_ACCEPTED", message)
                return
        files = self.fake.models[name].versions[number]
        manifest = manifest_of(files)
        with self.fake.lock:
            self.fake.tickets += 1
            ticket = self.fake.tickets
        base = self.fake.url_base or self.fake.origin
        maps = self.fake.chunk_maps(files) if self.fake.chunk_maps is not None else None
        signed = digest_of(maps) if maps is not None and self.fake.signs_chunk_maps else None
        metadata = {
            "version": self._signed_version(name, number, alias),
            "digest": manifest.digest,
            "size": manifest.size,
            "numFiles": len(files),
            "bundle": msgspec.to_builtins(
                sign_manifest(self.fake.key, SignedName(SHARE, name, number), manifest, 0, signed)
            ),
        }
        if self.fake.packs is not None:
            metadata["packUrl"] = f"{base}/files/pack?ticket={ticket}"
        if maps is not None:
            url = f"{base}/files/{digest_of(maps)}?ticket={ticket}"
            metadata["chunkMaps"] = {"url": url, "size": len(maps), "sha256": digest_of(maps)}
        digests = {entry.sha256 for entry in manifest.files}
        metadata["deltas"] = [
            {
                "url": f"{base}/files/{digest_of(delta.content)}?ticket={ticket}",
                "target": delta.target,
                "base": delta.base,
                "size": len(delta.content),
                "sha256": digest_of(delta.content),
            }
            for delta in self.fake.deltas
            if delta.target in digests
        ]
        lines: list[dict[str, Any]] = [{"protocol": {"minReaderVersion": 1}}, {"metaData": metadata}]
        for entry in manifest.files:
            file = {
                "url": f"{base}/files/{entry.sha256}?ticket={ticket}",
                "id": entry.sha256,
                "path": entry.path,
                "size": entry.size,
                "sha256": entry.sha256,
                "expirationTimestamp": int(time.time() * 1000) + 300_000,
            }
            lines.append({"file": file})
        if self.fake.edit_query is not None:
            lines = self.fake.edit_query(lines)
        if self.fake.edit_answer is not None:
            lines = self.fake.edit_answer(lines)
        body = "".join(json.dumps(line) + "\n" for line in lines)
        self.send(200, body.encode(), "application/x-ndjson; charset=utf-8")

    def _serve_pack(self) -> None:
        assert self.fake.packs is not None
        contents = [self.fake.find_content(digest) for digest in json.loads(self.body)["files"]]
        self.fake.packs(self, [content for content in contents if content is not None])

    def _serve_file(self) -> None:
        url = urlsplit(self.path)
        if int(parse_qs(url.query)["ticket"][0]) < self.fake.refuse_tickets_below:
            self.send(403, b"expired", "text/plain")
            return
        if url.path == "/files/pack":
            self._serve_pack()
            return
        content = self.fake.find_content(url.path.removeprefix("/files/"))
        assert content is not None
        found = _RANGE.fullmatch(self.headers.get("Range", ""))
        start, end = (int(found[1]), int(found[2]) + 1) if found else (0, len(content))
        with self.fake.lock:
            fault = self.fake.faults.pop(0) if self.fake.faults else self.fake.default_fault
        (fault or serve_well)(self, content, start, end)

    def start_file(self, content: bytes, start: int, end: int) -> None:
        """Status line and headers of a good answer."""
        whole = "Range" not in self.headers
        self.send_response(200 if whole else 206)
        self.send_header("Content-Length", str(end - start))
        self.send_header("ETag", f'"{digest_of(content)}"')
        if not whole:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.end_headers()

    def send_bytes(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        for position in range(0, len(view), 256 * 1024):
            piece = view[position : position + 256 * 1024]
            with self.fake.lock:  # before the reader can have them: a test may count once it has the last
                self.fake.file_bytes_sent += len(piece)
            try:
                self.wfile.write(piece)
            except OSError:
                with self.fake.lock:
                    self.fake.file_bytes_sent -= len(piece)
                raise

    def _model(self, name: str) -> dict[str, Any]:
        return self.fake.models[name].message(name)

    def _version(self, name: str, number: int) -> dict[str, Any]:
        return self.fake.models[name].version_message(name, number)

    def send_items(self, items: list[dict[str, Any]]) -> None:
        """Pages of two, so that every listing here has to be followed."""
        token = parse_qs(urlsplit(self.path).query).get("pageToken", ["0"])[0]
        start = int(token)
        page: dict[str, Any] = {"items": items[start : start + 2]}
        if start + 2 < len(items):
            page["nextPageToken"] = str(start + 2)
        self.send_json(200, page)


def serve_well(handler: Handler, content: bytes, start: int, end: int) -> None:
    handler.start_file(content, start, end)
    handler.send_bytes(memoryview(content)[start:end])

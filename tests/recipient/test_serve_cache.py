"""The cache server: mounted models for clients of the Hugging Face Hub, verified, with the mount's policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import model_sharing
from model_sharing.cache_server import application, interim_responses, silent_connections
from model_sharing.cache_server.application import make_app
from model_sharing.cache_server.guards import Tokens
from model_sharing.cache_server.mounted_catalogs import MountedCatalogs
from model_sharing.cache_server.silent_connections import SILENT_CONNECTIONS
from model_sharing.settings import Settings
from model_sharing_protocol.errors import InvalidParameter, NotFound
from support.fake_provider.faults import always, corrupt, slowly
from support.fake_provider.models import SHARE, Model, digest_of, manifest_of, terms_message
from support.fake_provider.server import TOKEN, FakeProvider
from support.files import random_bytes
from support.safetensors_files import safetensors
from support.watching import eventually

NAME = "llm.tiny"
REPOSITORY = "vendor.llm/tiny"
CONFIG = b'{"model_type": "llama"}'
WEIGHTS = safetensors({"w": random_bytes(3_000_000, 1)})
FILES = {
    "README.md": b"# Tiny\n",
    "config.json": CONFIG,
    "model.safetensors": WEIGHTS,
    "onnx/vocab.txt": b"a b c",
    "pytorch_model.bin": b"pickled stuff",
}
COMMIT = manifest_of(FILES).digest.removeprefix("sha256:")[:40]

Client = TestClient[web.Request, web.Application]
Serve = Callable[..., Awaitable[Client]]


@pytest.fixture
def said() -> list[str]:
    """Lines that the cache server says on standard error."""
    return []


@pytest.fixture
async def serve(said: list[str]) -> AsyncIterator[Serve]:
    """Serve the mounts in this test's process."""
    clients = []

    async def start(*mounts: str, tokens: Tokens | None = None) -> Client:
        app = make_app(MountedCatalogs(Settings.from_environment(), mounts), said.append, tokens)
        client = TestClient(TestServer(app))
        await client.start_server()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
def llm(fake_provider: FakeProvider, vendor: model_sharing.Catalog) -> FakeProvider:
    """A provider that shares a model without MLmodel."""
    fake_provider.publish(NAME, 1, FILES, "Champion")
    return fake_provider


@pytest.mark.usefixtures("llm")
async def test_a_client_finds_a_model_and_fetches_its_verified_files(serve: Serve) -> None:
    client = await serve()
    for path in ("", "/revision/main", "/revision/1", "/revision/Champion", f"/revision/{COMMIT}"):
        found = await client.get(f"/api/models/{REPOSITORY}{path}")
        info = await found.json()
        assert (found.status, info["id"], info["sha"]) == (200, REPOSITORY, COMMIT), path
    assert [sibling["rfilename"] for sibling in info["siblings"]] == sorted(FILES)
    for path, content in FILES.items():
        if path == "pytorch_model.bin":
            continue
        known = await client.head(f"/{REPOSITORY}/resolve/main/{path}", allow_redirects=True)
        assert known.headers["ETag"] == f'"{digest_of(content)}"'
        assert known.headers["X-Repo-Commit"] == COMMIT
        assert known.headers["Content-Length"] == str(len(content))
        assert known.headers["Accept-Ranges"] == "bytes"
        sent = await client.get(f"/{REPOSITORY}/resolve/main/{path}")
        assert (sent.status, await sent.read()) == (200, content)
        assert sent.headers["ETag"] == f'"{digest_of(content)}"'
    listed = await client.get(f"/api/models/{REPOSITORY}/tree/main?recursive=true&expand=false")
    assert [entry["path"] for entry in await listed.json() if entry["type"] == "file"] == sorted(FILES)
    inside = await client.get(f"/api/models/{REPOSITORY}/tree/main/onnx?expand=true")
    assert [entry["path"] for entry in await inside.json()] == ["onnx/vocab.txt"]
    form = {"paths": ["config.json", "missing"], "expand": "True"}
    at = await client.post(f"/api/models/{REPOSITORY}/paths-info/main", data=form)
    assert [entry["path"] for entry in await at.json()] == ["config.json"]
    assert (await client.get(f"/{REPOSITORY}/raw/main/README.md")).status == 200


@pytest.mark.usefixtures("llm")
async def test_models_names_and_the_holder_of_the_token_are_told(serve: Serve) -> None:
    client = await serve()
    models = await (await client.get("/api/models?search=tin&limit=5")).json()
    assert [model["id"] for model in models] == [REPOSITORY]
    assert await (await client.get("/api/models?author=other")).json() == []
    refs = await (await client.get(f"/api/models/{REPOSITORY}/refs")).json()
    assert [(ref["name"], ref["targetCommit"]) for ref in refs["branches"]] == [("main", COMMIT)]
    assert {ref["name"] for ref in refs["tags"]} == {"1", "champion"}
    assert (await (await client.get("/api/whoami-v2")).json())["name"] == "model-sharing"
    assert (await client.get(f"/api/models/{REPOSITORY}/auth-check")).status == 200


class DescribedModel(Model):
    """Says what is known of its files."""

    def message(self, name: str) -> dict[str, Any]:
        return {**super().message(name), **DESCRIBED}

    def version_message(self, name: str, number: int) -> dict[str, Any]:
        return {**super().version_message(name, number), **DESCRIBED}


DESCRIBED = {
    "format": "gguf",
    "license": "apache-2.0",
    "summary": {"task": "text-generation", "parameters": 7, "contextLength": 4096, "architecture": "llama"},
}


async def test_what_is_known_of_a_model_is_told(serve: Serve, llm: FakeProvider) -> None:
    llm.models[NAME] = DescribedModel(versions={1: FILES})
    client = await serve()
    info = await (await client.get(f"/api/models/{REPOSITORY}")).json()
    assert (info["library_name"], info["pipeline_tag"]) == ("gguf", "text-generation")
    assert info["gguf"] == {"total": 7, "architecture": "llama", "context_length": 4096}
    assert info["cardData"]["license"] == "apache-2.0"
    for wanted, found in {
        "filter=license:apache-2.0&filter=gguf": [REPOSITORY],
        "filter=license:mit": [],
    }.items():
        models = await (await client.get(f"/api/models?{wanted}")).json()
        assert [model["id"] for model in models] == found


@pytest.mark.usefixtures("llm")
async def test_a_file_is_fetched_once_however_many_ask_and_others_not_at_all(
    serve: Serve, llm: FakeProvider, said: list[str]
) -> None:
    client = await serve()
    await client.head(f"/{REPOSITORY}/resolve/main/model.safetensors")
    assert llm.file_requests() == []
    llm.default_fault = slowly(0.02)
    url = f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors"

    async def fetch() -> bytes:
        return await (await client.get(url)).read()

    assert await asyncio.gather(*(fetch() for _ in range(5))) == [WEIGHTS] * 5
    assert llm.file_bytes_sent == len(WEIGHTS)
    assert [line for line in said if "model.safetensors" in line]
    asked = len(llm.requests)
    assert await fetch() == WEIGHTS
    assert len(llm.requests) == asked


@pytest.mark.usefixtures("llm")
async def test_small_files_come_together(serve: Serve, llm: FakeProvider) -> None:
    client = await serve()
    for path in ("config.json", "README.md", "onnx/vocab.txt"):
        assert (await client.get(f"/{REPOSITORY}/resolve/{COMMIT}/{path}")).status == 200
    fetched = {request.path.partition("?")[0] for request in llm.file_requests()}
    assert digest_of(FILES["pytorch_model.bin"]) not in {path.rpartition("/")[2] for path in fetched}
    assert sum(request.path.endswith("query") for request in llm.requests) == 1


@pytest.mark.usefixtures("llm")
async def test_ranges_and_conditions_are_answered(serve: Serve) -> None:
    client = await serve()
    url, tag = f"/{REPOSITORY}/resolve/main/model.safetensors", f'"{digest_of(WEIGHTS)}"'
    size = len(WEIGHTS)
    for asked, start, end in (
        ("bytes=10-19", 10, 20),
        (f"bytes={size - 10}-", size - 10, size),
        ("bytes=-5", size - 5, size),
    ):
        part = await client.get(url, headers={"Range": asked})
        assert (part.status, await part.read()) == (206, WEIGHTS[start:end])
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    beyond = await client.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    other = await client.get(url, headers={"Range": "bytes=10-19", "If-Range": '"other"'})
    assert (other.status, await other.read()) == (200, WEIGHTS)
    assert (await client.get(url, headers={"If-None-Match": tag})).status == 304


@pytest.mark.usefixtures("llm")
async def test_what_is_missing_is_told_in_the_words_of_the_hub(serve: Serve) -> None:
    client = await serve()
    for path, code in {
        f"/{REPOSITORY}/resolve/main/missing.json": "EntryNotFound",
        f"/{REPOSITORY}/resolve/main/../../etc/passwd": "",
        f"/{REPOSITORY}/resolve/main/..%2f..%2fconfig.json": "EntryNotFound",
        f"/{REPOSITORY}/resolve/7/config.json": "RevisionNotFound",
        f"/{REPOSITORY}/resolve/Absent/config.json": "RevisionNotFound",
        f"/{REPOSITORY}/resolve/refs%2Fpr%2F1/config.json": "RevisionNotFound",
        f"/{REPOSITORY}/resolve/{'0' * 40}/config.json": "RevisionNotFound",
        "/vendor.llm/other/resolve/main/config.json": "RepoNotFound",
        "/api/models/vendor.llm/other": "RepoNotFound",
        "/api/models/elsewhere.llm/tiny": "RepoNotFound",
        "/api/models/gpt2/tiny": "RepoNotFound",
        "/api/datasets/vendor.llm/tiny": "RepoNotFound",
    }.items():
        for method in ("GET", "HEAD"):
            answer = await client.request(method, path)
            assert answer.status == 404, (method, path)
            assert answer.headers.get("X-Error-Code", "") in (code, "RepoNotFound"), path
            assert answer.headers["X-Error-Message"]
    refused = await client.post("/api/repos/create", json={"name": "x"})
    assert refused.status == 403


async def test_main_is_the_newest_usable_version_until_there_is_an_alias_main(
    serve: Serve, llm: FakeProvider
) -> None:
    llm.publish(NAME, 2, {"config.json": b"{}"})
    llm.publish(NAME, 3, {"config.json": b"{ }"})
    client = await serve()

    async def config() -> bytes:
        return await (await client.get(f"/{REPOSITORY}/resolve/main/config.json")).read()

    assert await config() == b"{ }"
    llm.recall(NAME, 3, "wrong tokenizer")
    assert await config() == b"{}"
    recalled = await client.get(f"/api/models/{REPOSITORY}/revision/3")
    assert recalled.status == 403
    assert "wrong tokenizer" in recalled.headers["X-Error-Message"]
    llm.models[NAME].aliases["main"] = 1
    assert await config() == CONFIG


async def test_an_alias_that_moves_is_followed_at_once(serve: Serve, llm: FakeProvider) -> None:
    llm.publish(NAME, 2, {"config.json": b"{}"})
    client = await serve()
    url = f"/{REPOSITORY}/resolve/champion/config.json"
    assert await (await client.get(url)).read() == CONFIG
    llm.models[NAME].aliases["Champion"] = 2
    assert await (await client.get(url)).read() == b"{}"


async def test_what_is_known_of_a_file_is_told_where_its_commit_is_named(
    serve: Serve, llm: FakeProvider
) -> None:
    """Else a client would keep the digest of one version, and the bytes of the next."""
    client = await serve()
    told = await client.head(f"/{REPOSITORY}/resolve/Champion/config.json", allow_redirects=False)
    assert (told.status, told.headers["X-Linked-Etag"]) == (307, f'"{digest_of(CONFIG)}"')
    llm.publish(NAME, 2, {"config.json": b"{}"}, "Champion")
    assert await (await client.get(told.headers["Location"])).read() == CONFIG
    absent = await client.head(f"/{REPOSITORY}/resolve/1/absent.json")
    assert (absent.headers["X-Error-Code"], absent.headers["X-Repo-Commit"]) == ("EntryNotFound", COMMIT)


async def test_damaged_bytes_are_never_sent(serve: Serve, llm: FakeProvider, said: list[str]) -> None:
    client = await serve()
    llm.default_fault = corrupt
    answer = await client.get(f"/{REPOSITORY}/resolve/main/model.safetensors")
    assert answer.status == 502
    assert "does not match its manifest" in answer.headers["X-Error-Message"]
    assert WEIGHTS[1:100] not in await answer.read()
    assert any("does not match" in line for line in said)
    llm.default_fault = None
    assert await (await client.get(f"/{REPOSITORY}/resolve/main/model.safetensors")).read() == WEIGHTS


async def test_without_the_provider_the_last_known_state_is_served(
    serve: Serve, llm: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_RETRY_FOR", "0")
    client = await serve()
    await client.get(f"/{REPOSITORY}/resolve/Champion/config.json")
    llm.stop()
    again = await serve()  # nothing is remembered but what is on the disk
    with pytest.warns(model_sharing.StaleAliasWarning):
        for revision in ("main", "Champion", "1", COMMIT):
            answer = await again.get(f"/{REPOSITORY}/resolve/{revision}/config.json")
            assert await answer.read() == CONFIG, revision
    for absent in ("1/model.safetensors", "Other/config.json"):
        answer = await again.get(f"/{REPOSITORY}/resolve/{absent}")
        assert answer.status == 503
        assert llm.origin not in answer.headers["X-Error-Message"]


async def test_what_was_pruned_is_fetched_again(
    serve: Serve, llm: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_CACHE_MAX_SIZE", "4MB")
    others = [safetensors({"w": random_bytes(3_000_000, number)}) for number in (2, 3)]
    for number, content in enumerate(others, 2):
        llm.publish(NAME, number, {"model.safetensors": content})
    client = await serve()
    for _ in range(2):
        for number, content in enumerate([WEIGHTS, *others], 1):
            sent = await client.get(f"/{REPOSITORY}/resolve/{number}/model.safetensors")
            assert await sent.read() == content
    assert llm.file_bytes_sent == 6 * len(WEIGHTS)


async def test_revoked_means_not_found_also_for_what_is_cached(serve: Serve, llm: FakeProvider) -> None:
    client = await serve()
    url = f"/{REPOSITORY}/resolve/Champion/config.json"
    assert (await client.get(url)).status == 200
    del llm.models[NAME]
    assert (await client.get(url)).headers["X-Error-Code"] == "RepoNotFound"


@pytest.mark.usefixtures("llm")
async def test_what_can_run_code_is_served_from_trusted_mounts_alone(serve: Serve, profile: Path) -> None:
    model_sharing.mount(profile, share=SHARE, name="trusted", trust_remote_code=True)
    client = await serve()
    url = "/{}.llm/tiny/resolve/main/pytorch_model.bin"
    refused = await client.get(url.format("vendor"))
    assert refused.status == 403
    assert "is unpickled, which runs code" in refused.headers["X-Error-Message"]
    assert "ignore_patterns" in refused.headers["X-Error-Message"]
    assert b"pickled stuff" not in await refused.read()
    assert await (await client.get(url.format("trusted"))).read() == b"pickled stuff"


async def test_what_would_run_code_by_its_content_is_refused_before_it_is_sent(
    serve: Serve, llm: FakeProvider
) -> None:
    hostile = {
        "config.json": b'{"auto_map": {"AutoConfig": "configuration_tiny.TinyConfig"}}',
        "chat_template.jinja": b"{{ ''.__class__.__mro__ }}",
        "model.safetensors": b"\xff" * 2_000_000,
        "tokenizer_config.json": b'{"model_max_length": 7}',
    }
    llm.publish(NAME, 2, hostile, "main")
    client = await serve()
    for path, content in hostile.items():
        answer = await client.get(f"/{REPOSITORY}/resolve/main/{path}")
        sent = await answer.read()
        if path == "tokenizer_config.json":
            assert (answer.status, sent) == (200, content)
        else:
            assert answer.status == 403, path
            assert f"'{path}'" in answer.headers["X-Error-Message"]
            assert content[:30] not in sent


async def test_terms_are_accepted_on_this_machine_before_a_client_gets_a_file(
    serve: Serve, llm: FakeProvider, vendor: model_sharing.Catalog
) -> None:
    terms = terms_message("1", "Cite us.", NAME)
    llm.terms = [terms]
    client = await serve()
    url = f"/{REPOSITORY}/resolve/main/config.json"
    gated = await client.get(url)
    assert (gated.status, gated.headers["X-Error-Code"]) == (403, "GatedRepo")
    assert (await client.get(f"/api/models/{REPOSITORY}/auth-check")).status == 403
    assert "model-sharing terms vendor" in gated.headers["X-Error-Message"]
    await asyncio.to_thread(vendor.accept_terms, terms["digest"])
    assert await (await client.get(url)).read() == CONFIG


@pytest.mark.usefixtures("llm")
async def test_only_the_chosen_mounts_are_served(serve: Serve, profile: Path) -> None:
    model_sharing.mount(profile, share=SHARE, name="other")
    client = await serve("other")
    assert (await client.get("/api/models/other.llm/tiny")).status == 200
    assert (await client.get(f"/api/models/{REPOSITORY}")).status == 404
    with pytest.raises(NotFound):
        MountedCatalogs(Settings.from_environment(), ["missing"])
    model_sharing.unmount("other")
    assert (await client.get("/api/models/other.llm/tiny")).status == 404


@pytest.mark.usefixtures("llm")
async def test_web_pages_read_nothing(serve: Serve) -> None:
    client = await serve()
    url = f"/api/models/{REPOSITORY}"
    for headers in (
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example:8765"},
        {"Host": "[::1"},
        {"Origin": "https://attacker.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await client.get(url, headers=headers)
        assert answer.status == 403, headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    for host in ("localhost:8765", "127.0.0.1", "[::1]:8765"):
        assert (await client.get(url, headers={"Host": host})).status == 200, host
    answer = await client.get(url)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("llm")
async def test_with_tokens_one_of_them_is_needed(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "tokens.txt"
    file.write_text("# ann\n0123456789abcdef\n\nfedcba9876543210\n")
    client = await serve(tokens=Tokens.read(file))
    url = f"/api/models/{REPOSITORY}"
    for given in ("Bearer wrong", "Basic 0123456789abcdef", f"Bearer {TOKEN}", "Bearer"):
        refused = await client.get(url, headers={"Authorization": given})
        assert (refused.status, refused.headers["X-Error-Code"]) == (401, "RepoNotFound")
    assert (await client.get(url)).status == 401
    allowed = {"Authorization": "Bearer fedcba9876543210", "Host": "cache.example:8765"}
    assert (await client.get(url, headers=allowed)).status == 200
    for text in ("", "# nothing\n", "short\n"):
        file.write_text(text)
        with pytest.raises(InvalidParameter, match="openssl"):
            Tokens.read(file)


async def test_a_client_is_kept_waiting_until_its_file_was_verified(
    serve: Serve, llm: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interim_responses, "INTERVAL_SECONDS", 0.01)
    llm.default_fault = slowly(0.05)
    client = await serve()
    reader, writer = await asyncio.open_connection(client.host, client.port)
    request = f"GET /{REPOSITORY}/resolve/main/model.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(request.encode())
    lines = [await reader.readline() for _ in range(4)]
    assert lines == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"] * 2
    while (line := await reader.readline()) != b"HTTP/1.1 200 OK\r\n":
        assert line in (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(len(WEIGHTS)) == WEIGHTS
    writer.close()


@pytest.mark.usefixtures("llm")
async def test_more_requests_than_are_served_are_told_to_come_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "MAX_REQUESTS", 0)
    answer = await (await serve()).get(f"/api/models/{REPOSITORY}")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")


async def test_a_version_of_many_files_is_listed_in_pages_and_fetched_in_groups(
    serve: Serve, llm: FakeProvider
) -> None:
    many = {f"shards/{number:04}.json": b"[%d]" % number for number in range(1500)}
    llm.publish(NAME, 1, many)
    client = await serve()
    paths: list[str] = []
    url = f"/api/models/{REPOSITORY}/tree/main?recursive=true"
    while url:
        page = await client.get(url)
        paths += [entry["path"] for entry in await page.json() if entry["type"] == "file"]
        link = page.headers.get("Link", "")
        behind_tls = await client.get(url, headers={"X-Forwarded-Proto": "https"})
        assert behind_tls.headers.get("Link", "") == link.replace("http://", "https://")
        url = link.partition("<")[2].partition(">")[0].removeprefix(str(client.make_url("/")).rstrip("/"))
    assert paths == sorted(many)
    commit = page.headers["X-Repo-Commit"]
    for path in paths[:1500:150]:
        assert await (await client.get(f"/{REPOSITORY}/resolve/{commit}/{path}")).read() == many[path]
    assert len(llm.file_requests()) == 10 * 100


async def test_a_fetch_goes_on_when_its_client_goes_away(serve: Serve, llm: FakeProvider) -> None:
    llm.default_fault = slowly(0.02)
    client = await serve()
    url = f"/{REPOSITORY}/resolve/main/model.safetensors"
    _, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await eventually(lambda: bool(llm.file_requests()))
    writer.close()
    assert await (await client.get(url)).read() == WEIGHTS
    assert llm.file_bytes_sent == len(WEIGHTS)


@pytest.mark.usefixtures("llm")
async def test_connections_that_ask_for_nothing_are_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await serve()
    assert (await client.get("/api/whoami-v2")).status == 200
    half_open, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET / HTTP/1.1\r\n")
    assert client.app is not None and client.server.runner is not None
    silent, server = client.app[SILENT_CONNECTIONS], client.server.runner.server
    assert isinstance(server, web.Server)
    await eventually(lambda: len(server.connections) == 2)
    silent.close_silent(server)
    monkeypatch.setattr(silent_connections, "HEAD_SECONDS", -1)
    silent.close_silent(server)
    with pytest.raises(ConnectionResetError):
        await half_open.read()
    writer.close()
    assert len(server.connections) == 1


async def test_no_secret_and_no_address_of_the_provider_is_told(
    serve: Serve, llm: FakeProvider, said: list[str]
) -> None:
    client = await serve()
    texts = []
    llm.answer = always(lambda handler: handler.send_error_answer(401, "UNAUTHENTICATED", "no"))
    for path in (f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/resolve/main/config.json", "/api/models"):
        answer = await client.get(path)
        texts += [await answer.text(), str(dict(answer.headers))]
        assert answer.status == (200 if path == "/api/models" else 403)
    for text in (*texts, *said):
        assert TOKEN not in text and "ticket=" not in text and llm.origin not in text, text

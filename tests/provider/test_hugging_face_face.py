"""Hugging Face face: models as repositories, for recipients of a share and for the metastore's own people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer
from yarl import URL

from model_sharing_protocol.hugging_face import files as listings
from model_sharing_protocol.names import FullName, SharedName
from model_sharing_protocol.revisions import Revision, commit_of
from model_sharing_protocol.terms import terms_digest
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.secrets import new_token
from model_sharing_provider.domain.securables import ModelVersion, SecurableType
from model_sharing_provider.faces.application import make_app
from model_sharing_provider.faces.hugging_face import FACE
from model_sharing_provider.services.registry.tags import TagChange
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import create_user, recipient_context
from support.regions import SMALL, Regions

NAME = FullName.parse("prod.llm.tiny")
README = b"# Tiny\n"
WEIGHTS = bytes(range(256)) * 4096
FILES = {"README.md": README, "model.safetensors": WEIGHTS, "tokenizer/vocab.json": b"{}"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str | None]:
        return self.status, self.headers.get("X-Error-Code")


@dataclass(frozen=True)
class Client:
    """Client of one endpoint, with one token, that follows no redirections."""

    session: aiohttp.ClientSession
    endpoint: str
    token: str

    async def ask(self, path: str, method: str = "GET", **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        url = path if path.startswith("http") else self.endpoint + path
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, **options
        ) as answer:
            return Answer(answer.status, await answer.read(), answer.headers)


@dataclass(frozen=True)
class Hub:
    """Two versions of a model, of which `Champion` is the first, shared with globex as acme."""

    admin: AdminClient
    globex: Client
    owner: Client
    first: ModelVersion
    second: ModelVersion

    @property
    def commits(self) -> tuple[str, str]:
        return commit_of(self.first.digest), commit_of(self.second.digest)

    async def audited(self, latest: int = 1) -> list[tuple[str, str, str, str]]:
        events = await self.admin.provider.audit.latest(self.admin.context, latest)
        return [(e.action, e.outcome, e.target.share, e.target.detail) for e in reversed(events)]


@pytest.fixture
async def hub(
    admin: AdminClient, server: TestServer, settings: Settings, tmp_path: Path
) -> AsyncIterator[Hub]:
    first = await admin.register(write_model(tmp_path / "one", FILES), str(NAME), "Champion")
    second = await admin.register(write_model(tmp_path / "two", {"model.safetensors": b"2"}), str(NAME))
    endpoint = str(server.make_url("/")).rstrip("/")
    profile = await admin.activate(await admin.share("acme", "globex", str(NAME)), endpoint)
    administrator = (settings.home / "admin.token").read_text()
    async with aiohttp.ClientSession() as session:
        globex = Client(session, f"{endpoint}/hf/acme", profile.bearer_token)
        yield Hub(admin, globex, Client(session, f"{endpoint}/hf", administrator), first, second)


async def test_a_model_is_a_repository_for_recipients_and_for_its_own_people(hub: Hub) -> None:
    first, second = hub.commits
    await hub.admin.provider.versions.tag(hub.admin.context, NAME, 2, TagChange(add={"stage": "test"}))
    for client, namespace in ((hub.globex, "llm"), (hub.owner, "prod.llm")):
        info = (await client.ask(f"/api/models/{namespace}/tiny")).json
        assert (info["id"], info["author"], info["sha"]) == (f"{namespace}/tiny", namespace, second)
        assert [each["rfilename"] for each in info["siblings"]] == ["MLmodel", "model.safetensors"]
        assert info["library_name"] == "mlflow"
        assert info["tags"] == ["mlflow", "stage:test"]
        for revision in ("1", "Champion", "CHAMPION", first):
            answer = await client.ask(f"/api/models/{namespace}/tiny/revision/{revision}?blobs=True")
            assert answer.json["sha"] == first
            weights = answer.json["siblings"][2]
            assert (weights["rfilename"], weights["size"]) == ("model.safetensors", len(WEIGHTS))
            assert weights["lfs"]["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
        assert (await client.ask(f"/api/models/{namespace}/tiny/auth-check")).json == {}


async def test_main_is_the_newest_version_until_an_alias_has_its_name(hub: Hub) -> None:
    models, recalls, context = hub.admin.provider.models, hub.admin.provider.recalls, hub.admin.context
    first, second = hub.commits

    async def main() -> list[str]:
        clients = ((hub.globex, "llm"), (hub.owner, "prod.llm"))
        found = [(await c.ask(f"/api/models/{n}/tiny/revision/main")).json["sha"] for c, n in clients]
        refs = [(await c.ask(f"/api/models/{n}/tiny/refs")).json["branches"] for c, n in clients]
        assert [branch["targetCommit"] for (branch,) in refs] == found
        return found

    assert await main() == [second, second]
    await recalls.recall(context, NAME, 2, "wrong data")
    assert await main() == [first, first]
    await recalls.lift(context, NAME, 2)
    await models.set_alias(context, NAME, "Main", 1)
    assert await main() == [first, first]
    await models.set_alias(context, NAME, "Main", 2)
    assert await main() == [second, second]


async def test_versions_have_their_numbers_and_aliases_as_tags(hub: Hub) -> None:
    first, second = hub.commits
    refs = (await hub.globex.ask("/api/models/llm/tiny/refs")).json
    assert [(tag["name"], tag["targetCommit"]) for tag in refs["tags"]] == [
        ("1", first),
        ("Champion", first),
        ("2", second),
    ]
    assert refs["branches"] == [{"name": "main", "ref": "refs/heads/main", "targetCommit": second}]


async def test_a_file_is_found_by_its_head_and_read_whole_or_in_ranges(hub: Hub) -> None:
    first, _ = hub.commits
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    for client, repository, detail in (
        (hub.globex, "llm/tiny", ("deltaSharingListModelVersionFiles", "acme")),
        (hub.owner, "prod.llm/tiny", ("listDirectory", "")),
    ):
        named = await client.ask(f"/{repository}/resolve/Champion/model.safetensors", "HEAD")
        assert (named.status, named.headers["X-Repo-Commit"]) == (307, first)
        path = f"/{repository}/resolve/{first}/model.safetensors"
        assert client.endpoint.endswith(named.headers["Location"].removesuffix(path))
        head = await client.ask(path, "HEAD", headers={"Accept-Encoding": "identity"})
        assert (head.status, head.body) == (200, b"")
        assert head.headers["ETag"] == f'"{sha256}"'
        assert head.headers["Content-Length"] == str(len(WEIGHTS))
        assert head.headers["Accept-Ranges"] == "bytes"
        assert await hub.audited() == [(detail[0], "OK", detail[1], f"{NAME}/1")]
        for revision in (first, "1", "champion"):
            whole = await client.ask(f"/{repository}/resolve/{revision}/model.safetensors")
            assert (whole.status, whole.body) == (200, WEIGHTS)
            assert (whole.headers["X-Repo-Commit"], whole.headers["ETag"]) == (first, f'"{sha256}"')
            assert await hub.audited() == [("getFile", "OK", detail[1], f"{NAME}/1:model.safetensors")]
        part = await client.ask(path, headers={"Range": "bytes=10-19"})
        assert (part.status, part.body) == (206, WEIGHTS[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(WEIGHTS)}"
        beyond = await client.ask(path, headers={"Range": f"bytes={len(WEIGHTS)}-"})
        assert beyond.status == 416
        raw = await client.ask(f"/{repository}/raw/1/README.md")
        assert (raw.status, raw.body) == (200, README)


async def test_who_has_a_file_is_not_sent_it_again_and_gets_no_part_of_another(hub: Hub) -> None:
    path = f"/llm/tiny/resolve/{hub.commits[0]}/model.safetensors"
    etag = f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
    same = await hub.globex.ask(path, headers={"If-None-Match": f'"x", {etag}'})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
    other = await hub.globex.ask(path, headers={"If-None-Match": '"x"'})
    assert other.status == 200
    part = await hub.globex.ask(path, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (part.status, part.body) == (206, WEIGHTS[:10])
    whole = await hub.globex.ask(path, headers={"Range": "bytes=0-9", "If-Range": '"x"'})
    assert (whole.status, whole.body) == (200, WEIGHTS)


async def test_a_large_tree_is_read_in_pages_of_one_commit(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "TREE_PAGE", 2)
    first, _ = hub.commits
    found, url = [], "/api/models/llm/tiny/tree/Champion?recursive=True&expand=False"
    while url:
        page = await hub.globex.ask(url)
        assert page.headers["X-Repo-Commit"] == first
        found += page.json
        link = page.headers.get("Link", "")
        url = link.partition(">")[0].removeprefix("<")
        assert not url or f"/hf/acme/api/models/llm/tiny/tree/{first}?" in url
        # Whoever moves the alias meanwhile does not mix two versions.
        await hub.admin.provider.models.set_alias(hub.admin.context, NAME, "Champion", 2)
    assert [entry["path"] for entry in found] == [
        "MLmodel",
        "README.md",
        "model.safetensors",
        "tokenizer",
        "tokenizer/vocab.json",
    ]
    assert [entry["type"] for entry in found[-2:]] == ["directory", "file"]
    folder = await hub.globex.ask(f"/api/models/llm/tiny/tree/{first}/tokenizer?expand=True")
    (entry,) = folder.json
    assert (entry["path"], entry["lastCommit"]["id"]) == ("tokenizer/vocab.json", first)
    missing = await hub.globex.ask(f"/api/models/llm/tiny/tree/{first}/nothing")
    assert missing.error == (404, "EntryNotFound")


async def test_paths_are_looked_up_by_form_and_by_json(hub: Hub) -> None:
    url = "/api/models/llm/tiny/paths-info/1"
    by_form = await hub.globex.ask(
        url, "POST", data=[("paths", "README.md"), ("paths", "tokenizer"), ("expand", "True")]
    )
    by_json = await hub.globex.ask(
        url, "POST", json={"paths": ["README.md", "tokenizer", "no"], "expand": True}
    )
    assert by_form.json == by_json.json
    assert [entry["path"] for entry in by_json.json] == ["README.md", "tokenizer"]
    assert (await hub.globex.ask(url, "POST", data={"expand": "perhaps"})).status == 400
    assert (await hub.globex.ask(url, "POST", json={"paths": ["x"] * 1001})).status == 400


async def test_models_are_listed_and_searched_in_pages(hub: Hub, tmp_path: Path) -> None:
    for number in range(3):
        await hub.admin.register(write_model(tmp_path / f"more{number}"), f"prod.more.model_{number}")
    await hub.admin.add_schema("acme", "prod.more")

    async def listed(client: Client, query: str) -> list[str]:
        answer = await client.ask(f"/api/models?{query}")
        assert answer.status == 200
        found = [info["id"] for info in answer.json]
        link = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        return found + (await listed(client, link.partition("?")[2]) if link else [])

    models = [f"more/model_{number}" for number in range(3)]
    assert await listed(hub.globex, "") == ["llm/tiny", *models]
    assert await listed(hub.globex, "limit=2") == ["llm/tiny", *models]
    assert len((await hub.globex.ask("/api/models?limit=2")).json) == 2
    assert await listed(hub.globex, "search=MODEL_1&limit=1") == ["more/model_1"]
    assert await listed(hub.globex, "author=more") == models
    assert await listed(hub.globex, "author=nobody") == []
    assert await listed(hub.globex, "filter=mlflow&filter=other") == []
    assert await listed(hub.owner, "search=tiny&filter=mlflow") == ["prod.llm/tiny"]
    assert await listed(hub.owner, "author=prod.more") == [f"prod.{name}" for name in models]
    assert await listed(hub.owner, "author=prod.nothing") == []
    assert await listed(hub.owner, "author=prod") == []


async def test_a_token_tells_who_holds_it(hub: Hub) -> None:
    recipient = (await hub.globex.ask("/api/whoami-v2")).json
    assert (recipient["name"], [org["name"] for org in recipient["orgs"]]) == ("globex", ["acme"])
    assert recipient["auth"]["accessToken"]["role"] == "read"
    assert (await hub.owner.ask("/api/whoami-v2")).json["name"] == hub.admin.provider.administrator.name


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/api/models/llm/other", "RepoNotFound"),
        ("/api/models/other/tiny", "RepoNotFound"),
        ("/api/models/llm/a.b", "RepoNotFound"),
        ("/api/models/tiny", "RepoNotFound"),
        ("/api/datasets/llm/tiny", "RepoNotFound"),
        ("/api/models/llm/tiny/revision/9", "RevisionNotFound"),
        ("/api/models/llm/tiny/revision/nobody", "RevisionNotFound"),
        ("/api/models/llm/tiny/revision/refs%2Fpr%2F1", "RevisionNotFound"),
        (f"/api/models/llm/tiny/revision/{'0' * 40}", "RevisionNotFound"),
        ("/llm/tiny/resolve/9/README.md", "RevisionNotFound"),
        ("/llm/tiny/resolve/1/config.json", "EntryNotFound"),
        ("/llm/tiny/resolve/1/tokenizer", "EntryNotFound"),
        ("/llm/tiny/resolve/main/.gitattributes", "EntryNotFound"),
    ],
)
async def test_what_is_not_there_has_the_word_of_the_hub(hub: Hub, path: str, word: str) -> None:
    answer = await hub.globex.ask(path)
    assert answer.error == (404, word)
    assert answer.json["error"] and answer.headers["X-Error-Message"]
    head = await hub.globex.ask(path, "HEAD")
    assert head.error == (404, word)
    assert ("X-Repo-Commit" in head.headers) == (word == "EntryNotFound")


async def test_a_share_of_others_is_like_none_and_ends_with_its_grant(hub: Hub) -> None:
    await hub.admin.provider.shares.create(hub.admin.context, "other")
    paths = ("/api/models/llm/tiny", "/api/models", "/api/whoami-v2", "/llm/tiny/resolve/1/README.md")
    for path in paths:
        other = await hub.globex.ask(hub.globex.endpoint.replace("acme", "other") + path)
        none = await hub.globex.ask(hub.globex.endpoint.replace("acme", "absent") + path)
        assert other.error == none.error == (404, "RepoNotFound")
        assert other.json["error"].replace("other", "absent") == none.json["error"]
    await hub.admin.provider.share_permissions.revoke(hub.admin.context, "acme", "globex")
    for path in paths:
        assert (await hub.globex.ask(path)).error == (404, "RepoNotFound")


async def test_a_wrong_token_is_refused_as_the_hub_does_and_each_endpoint_has_its_own(hub: Hub) -> None:
    for endpoint, token, repository in (
        (hub.globex.endpoint, "hf_nothing", "llm/tiny"),
        (hub.globex.endpoint, "", "llm/tiny"),
        (hub.globex.endpoint, hub.owner.token, "llm/tiny"),
        (hub.owner.endpoint, hub.globex.token, "prod.llm/tiny"),
    ):
        client = Client(hub.globex.session, endpoint, token)
        for path in (f"/api/models/{repository}", "/api/whoami-v2", f"/{repository}/resolve/1/README.md"):
            assert (await client.ask(path)).error == (401, "RepoNotFound")


async def test_no_route_answers_anybody_else(hub: Hub) -> None:
    """Every route of a share's endpoint: to a recipient of another share it is as if there were none."""
    other = await hub.admin.activate(await hub.admin.share("second", "initech", str(NAME)), "http://x")
    places = {"share": "acme", "namespace": "llm", "name": "tiny", "revision": "1", "path": "README.md"}
    for route in FACE.routes:
        if not route.summary or "{share}" not in route.template:
            continue
        path = route.template.format(**places).removeprefix("/acme")
        for token, status in (("", 401), (new_token(), 401), (other.bearer_token, 404)):
            client = Client(hub.globex.session, hub.globex.endpoint, token)
            answer = await client.ask(path, route.method, json={"paths": []})
            assert answer.error == (status, "RepoNotFound"), path


async def test_a_recalled_version_is_refused_with_the_reason(hub: Hub) -> None:
    await hub.admin.provider.recalls.recall(hub.admin.context, NAME, 2, "trained on the test set")
    for path in ("/api/models/llm/tiny/revision/2", "/llm/tiny/resolve/2/model.safetensors"):
        answer = await hub.globex.ask(path)
        assert answer.error == (403, None)
        assert "trained on the test set" in answer.headers["X-Error-Message"]


async def test_terms_make_a_repository_gated_until_they_are_accepted(hub: Hub) -> None:
    terms = hub.admin.provider.provider_terms
    await terms.set(hub.admin.context, SecurableType.SHARE, "acme", version="1", text="Evaluate it.")
    digest = terms_digest("1", "Evaluate it.")
    file = "/llm/tiny/resolve/1/README.md"
    for path, method in ((file, "GET"), (file, "HEAD"), ("/api/models/llm/tiny/auth-check", "GET")):
        refused = await hub.globex.ask(path, method)
        assert refused.error == (403, "GatedRepo")
        assert digest in refused.headers["X-Error-Message"]
        assert "/delta-sharing/shares/acme/terms" in refused.headers["X-Error-Message"]
    assert (await hub.globex.ask("/api/models/llm/tiny")).json["gated"] == "manual"
    assert (await hub.owner.ask("/prod.llm/tiny/resolve/1/README.md")).status == 200
    globex = await recipient_context(hub.admin, "globex")
    await hub.admin.provider.recipient_terms.accept(globex, "acme", digest, "ana@globex.example")
    assert (await hub.globex.ask(file)).body == README
    assert (await hub.globex.ask("/api/models/llm/tiny")).json["gated"] is False


async def test_a_transfer_ends_with_the_grant_and_with_a_recall(hub: Hub) -> None:
    provider, context = hub.admin.provider, await recipient_context(hub.admin, "globex")
    tiny = SharedName("llm", "tiny")
    opened = [
        (await provider.recipient_revisions.open(context, "acme", tiny, Revision(number=number), "MLmodel"))
        for number in (1, 2)
    ]

    async def go_on() -> list[bool]:
        async with context.read_unaudited() as rows:
            return [await found.file.access.holds(rows) for found in opened]

    assert await go_on() == [True, True]
    await provider.recalls.recall(hub.admin.context, NAME, 2, "wrong data")
    assert await go_on() == [True, False]
    await provider.share_permissions.revoke(hub.admin.context, "acme", "globex")
    assert await go_on() == [False, False]


async def test_a_principal_sees_what_it_may_read(hub: Hub) -> None:
    ana = await create_user(hub.admin, "ana")
    client = Client(hub.globex.session, hub.owner.endpoint, ana.token)
    assert (await client.ask("/api/models")).json == []
    assert (await client.ask("/api/models/prod.llm/tiny")).status == 403
    assert (await client.ask("/prod.llm/tiny/resolve/1/README.md")).status == 403


async def test_nothing_is_written(hub: Hub) -> None:
    for path in ("/api/repos/create", "/api/models/llm/tiny/preupload/main"):
        answer = await hub.globex.ask(path, "POST", json={"name": "new"})
        assert answer.status == 403
        assert "read-only" in answer.headers["X-Error-Message"]


async def test_behind_a_path_prefix_links_lead_to_where_clients_are(
    settings: Settings, tmp_path: Path, aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "TREE_PAGE", 1)
    settings = Settings(settings.home, public_url="https://gate.example/models")
    async with open_provider(settings) as provider, aiohttp.ClientSession() as session:
        admin = AdminClient.of(provider)
        await admin.register(write_model(tmp_path / "m", FILES), str(NAME))
        server = await aiohttp_server(make_app(provider))
        token = (settings.home / "admin.token").read_text()
        client = Client(session, str(server.make_url("/hf")), token)
        head = await client.ask("/prod.llm/tiny/resolve/main/README.md", "HEAD")
        assert head.headers["Location"].startswith("/models/hf/prod.llm/tiny/resolve/")
        tree = await client.ask("/api/models/prod.llm/tiny/tree/main")
        assert tree.headers["Link"].startswith(
            "<https://gate.example/models/hf/api/models/prod.llm/tiny/tree/"
        )


@pytest.mark.stores("s3")
async def test_a_file_is_in_the_store_or_the_bucket_sends_it(hub: Hub, settings: Settings) -> None:
    in_bucket = settings.artifact_root_url.startswith("s3:")
    for client, repository in ((hub.globex, "llm/tiny"), (hub.owner, "prod.llm/tiny")):
        path = f"/{repository}/resolve/{hub.commits[0]}/model.safetensors"
        head = await client.ask(path, "HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(WEIGHTS)))
        file = await client.ask(path, headers={"Range": "bytes=10-19"})
        assert file.headers["X-Repo-Commit"] == hub.commits[0]
        assert file.headers["X-Linked-Size"] == str(len(WEIGHTS))
        assert file.headers["X-Linked-Etag"] == f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'
        if in_bucket:
            assert (file.status, file.headers["Cache-Control"]) == (302, "no-store")
            url = URL(file.headers["Location"], encoded=True)
            async with client.session.get(url, headers={"Range": "bytes=10-19"}) as answer:
                assert (answer.status, await answer.read()) == (206, WEIGHTS[10:20])
        else:
            assert (file.status, file.body) == (206, WEIGHTS[10:20])
        ((action, outcome, _, detail),) = await hub.audited()
        assert (action, outcome, detail) == ("getFile", "OK", f"{NAME}/1:model.safetensors")


async def test_who_downloaded_a_version_is_in_its_pull_history(hub: Hub) -> None:
    await hub.globex.ask("/llm/tiny/resolve/Champion/README.md")
    pulls, _ = await hub.admin.provider.pull_history.who_pulled(hub.admin.context, NAME)
    assert [(pull.recipient, pull.version) for pull in pulls] == [("globex", 1)]


@pytest.mark.parametrize(("regions", "status"), [("", 200), ("broker", 307)], indirect=["regions"])
async def test_a_model_of_a_shared_catalog_is_fetched_from_its_provider(
    regions: Regions, status: int
) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(session, str(regions.server.make_url("/hf")), regions.token)
        (info,) = (await client.ask("/api/models?author=vendor.ml_team")).json
        assert info["id"] == "vendor.ml_team/scorer"
        head = await client.ask("/vendor.ml_team/scorer/resolve/main/deep/b.bin", "HEAD")
        assert head.headers["X-Linked-Size"] == str(len(SMALL["deep/b.bin"]))
        file = await client.ask("/vendor.ml_team/scorer/resolve/main/deep/b.bin")
        assert file.status == status
        body = file.body
        if status == 307:
            async with session.get(URL(file.headers["Location"], encoded=True)) as answer:
                body = await answer.read()
        assert body == SMALL["deep/b.bin"]

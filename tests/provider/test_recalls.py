"""A recalled version: nobody comes by it unawares any more, on any face, and everybody can read why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.dsse import PublicKey
from model_sharing_protocol.errors import InvalidParameter, InvalidState, NotFound, VersionRecalled
from model_sharing_protocol.names import FullName
from model_sharing_protocol.open_sharing import ModelVersion
from model_sharing_protocol.pages import PageRequest
from model_sharing_protocol.recalls import Recall
from model_sharing_protocol.signatures import verify_state
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.versions import NewVersion
from model_sharing_provider.services.context import Context
from support.admin_client import AdminClient
from support.information_schema import query_table
from support.model_folder import write_model
from support.network.slow_download import SlowDownload
from support.patience import PATIENCE
from support.principals import create_user, grant_privileges, privileges_to_load

pytestmark = pytest.mark.each_database

SCORER = FullName.parse("prod.ml_team.scorer")
VERSIONS = "/shares/acme/schemas/ml_team/models/scorer/versions"
REASON = "Trained on wrong labels"


@pytest.fixture
async def token(admin: AdminClient, endpoint: str, tmp_path: Path) -> str:
    """A model with two versions, Champion and Challenger at the first, and the token of its recipient."""
    folder = write_model(tmp_path / "m", {"weights": b"w" * 1000})
    await admin.register(folder, str(SCORER), "Champion")
    await admin.provider.models.set_alias(admin.context, SCORER, "Challenger", 1)
    await admin.register(write_model(tmp_path / "m2", {"weights": b"v" * 1000}), str(SCORER))
    return (await admin.activate(await admin.share("acme", "globex", str(SCORER)), endpoint)).bearer_token


async def recall(admin: AdminClient, number: int = 1, replacement: int | None = 2) -> None:
    await admin.provider.recalls.recall(admin.context, SCORER, number, REASON, replacement)


async def ask(url: str, token: str, method: str = "GET") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.request(method, url) as answer:
        return answer.status, await answer.text()


async def urls_of(endpoint: str, token: str, parameters: str = "") -> dict[str, str]:
    status, body = await ask(f"{endpoint}{VERSIONS}/1/query{parameters}", token, "POST")
    assert status == 200, body
    files = [json.loads(line)["file"] for line in body.splitlines()[2:]]
    return {file["path"]: file["url"] for file in files}


@pytest.mark.usefixtures("token")
async def test_aliases_move_to_the_replacement_with_the_recall(admin: AdminClient) -> None:
    with pytest.raises(InvalidState, match=r"what Challenger, Champion points at; name a version"):
        await recall(admin, replacement=None)
    await recall(admin)
    versions = admin.provider.versions
    recalled = await versions.get(admin.context, SCORER, 1)
    assert recalled.recall is not None
    assert (recalled.recall.reason, recalled.recall.replacement, recalled.aliases) == (REASON, 2, ())
    assert (await versions.get(admin.context, SCORER, 2)).aliases == ("Challenger", "Champion")


@pytest.mark.usefixtures("token")
async def test_a_recalled_version_gets_no_alias_until_the_recall_is_lifted(admin: AdminClient) -> None:
    await recall(admin)
    provider = admin.provider
    for point in (
        lambda: provider.models.set_alias(admin.context, SCORER, "New", 1),
        lambda: provider.versions.update(admin.context, SCORER, 1, aliases=["New"]),
    ):
        with pytest.raises(VersionRecalled, match=f"recalled: {REASON} - use version 2"):
            await point()
    lifted = await provider.recalls.lift(admin.context, SCORER, 1)
    assert (lifted.recall, lifted.aliases) == (None, ())
    await provider.models.set_alias(admin.context, SCORER, "New", 1)


async def test_what_cannot_be_recalled(admin: AdminClient, token: str) -> None:
    assert token
    recalls = admin.provider.recalls
    waiting = await admin.provider.uploads.create(admin.context, SCORER, NewVersion())
    for number, reason, replacement, error, words in (
        (waiting.version, REASON, None, InvalidState, "only READY ones can be recalled"),
        (9, REASON, None, NotFound, "has no version 9"),
        (1, " ", 2, InvalidParameter, "reason of a recall is empty"),
        (1, "x" * 2000, 2, InvalidParameter, "at most 1024"),
        (1, REASON, 1, InvalidParameter, "cannot replace itself"),
        (1, REASON, 9, NotFound, "has no version 9"),
        (1, REASON, waiting.version, InvalidState, "PENDING_REGISTRATION; name one that is READY"),
    ):
        with pytest.raises(error, match=words):
            await recalls.recall(admin.context, SCORER, number, reason, replacement)
    await recall(admin, 2, None)
    with pytest.raises(InvalidState, match="is recalled itself"):
        await recall(admin)
    assert (await admin.provider.versions.get(admin.context, SCORER, 1)).aliases == ("Challenger", "Champion")


@pytest.mark.usefixtures("token")
async def test_a_recall_that_is_sent_again_corrects_the_first(admin: AdminClient) -> None:
    await recall(admin)
    first = await admin.provider.versions.get(admin.context, SCORER, 1)
    again = await admin.provider.recalls.recall(admin.context, SCORER, 1, "Other words")
    assert (again.recalled_at, again.recall_reason, again.recall_replacement) == (
        first.recalled_at,
        "Other words",
        None,
    )


async def test_a_recipient_reads_why_it_gets_no_recalled_version(
    admin: AdminClient, endpoint: str, token: str
) -> None:
    await recall(admin)
    for method, path in (("GET", f"{VERSIONS}/1"), ("POST", f"{VERSIONS}/1/query")):
        status, body = await ask(endpoint + path, token, method)
        assert (status, json.loads(body)["errorCode"]) == (403, "VERSION_RECALLED")
        assert f"recalled: {REASON} - use version 2, which replaces it" in json.loads(body)["message"]
    _, listed = await ask(endpoint + VERSIONS, token)
    first, second = json.loads(listed)["items"]
    assert (first["recalled"]["reason"], first["recalled"]["replacement"]) == (REASON, 2)
    assert "recalled" not in second


async def test_who_knows_of_recalls_gets_the_version_with_a_signed_reason(
    admin: AdminClient, endpoint: str, token: str
) -> None:
    _, before = await ask(f"{endpoint}{VERSIONS}/1?includeRecalled=true", token)
    await recall(admin)
    status, body = await ask(f"{endpoint}{VERSIONS}/1?includeRecalled=true", token)
    assert status == 200
    answer, earlier = (decoded(each) for each in (body, before))
    (listed,) = await admin.provider.signing.list_keys(admin.context)
    key = PublicKey.parse(listed.pem)
    state = verify_state(answer.state, key, "acme", "ml_team.scorer", 1)
    assert state.recalled == answer.recalled == Recall(REASON, state.recalled.at if state.recalled else 0, 2)
    then = verify_state(earlier.state, key, "acme", "ml_team.scorer", 1)
    assert (then.recalled, then.sequence < state.sequence) == (None, True)
    assert await urls_of(endpoint, token, "?includeRecalled=true")


async def test_urls_that_were_issued_before_end_with_the_recall(
    admin: AdminClient, endpoint: str, token: str
) -> None:
    urls = await urls_of(endpoint, token)
    assert (await ask(urls["weights"], ""))[0] == 200
    await recall(admin)
    status, body = await ask(urls["weights"], "")
    assert (status, json.loads(body)["errorCode"]) == (403, "VERSION_RECALLED")
    await admin.provider.recalls.lift(admin.context, SCORER, 1)
    assert (await ask(urls["weights"], ""))[0] == 200


async def test_urls_that_were_issued_for_a_recalled_version_work(
    admin: AdminClient, endpoint: str, token: str
) -> None:
    await recall(admin)
    urls = await urls_of(endpoint, token, "?includeRecalled=true")
    assert (await ask(urls["weights"], ""))[0] == 200


async def test_a_transfer_in_flight_ends_with_the_recall(
    admin: AdminClient, endpoint: str, tmp_path: Path
) -> None:
    size = 24 * 1024 * 1024
    await admin.register(write_model(tmp_path / "big", {"weights": b"w" * size}), str(SCORER))
    token = (await admin.activate(await admin.share("acme", "globex", str(SCORER)), endpoint)).bearer_token
    transfer = await SlowDownload.begin((await urls_of(endpoint, token))["weights"])
    await recall(admin, replacement=None)
    assert await transfer.ends(within_seconds=PATIENCE) < size


async def reader(admin: AdminClient) -> Context:
    """A user who may load the model."""
    user = await create_user(admin, "ana")
    await grant_privileges(admin, "ana", *privileges_to_load(str(SCORER)))
    return await user.context()


@pytest.mark.usefixtures("token")
async def test_files_are_refused_to_all_but_the_owner(admin: AdminClient, server: TestServer) -> None:
    ana = await reader(admin)
    provider = admin.provider
    url = await provider.principal_files.sign(ana, SCORER, 1, "weights")
    await recall(admin)
    copied = FullName.parse("prod.ml_team.copied")
    for use in (
        lambda: provider.principal_files.folder(ana, SCORER, 1, ""),
        lambda: provider.principal_files.open_path(ana, SCORER, 1, "weights"),
        lambda: provider.principal_files.sign(ana, SCORER, 1, "weights"),
        lambda: provider.principal_credentials.read(ana, SCORER, 1),
        lambda: provider.copies.copy(ana, SCORER, 1, copied),
    ):
        with pytest.raises(VersionRecalled, match=REASON):
            await use()
    assert (await ask(str(server.make_url("/artifacts/")) + url, ""))[0] == 403
    assert (await provider.versions.get(ana, SCORER, 1)).recall_reason == REASON
    assert await provider.principal_files.folder(admin.context, SCORER, 1, "")


@pytest.mark.usefixtures("token")
async def test_the_owners_copy_of_a_recalled_version_is_recalled_too(admin: AdminClient) -> None:
    await recall(admin)
    copies = admin.provider.copies
    copied = await copies.copy(admin.context, SCORER, 1, FullName.parse("prod.ml_team.copied"))
    assert copied.recall is not None
    assert (copied.recall.reason, copied.recall.replacement) == (REASON, None)


@pytest.mark.usefixtures("token")
async def test_a_registry_that_only_warns_gives_the_files(admin: AdminClient, settings: Settings) -> None:
    await recall(admin)
    ana = await reader(admin)
    async with open_provider(replace(settings, recalled_versions="warn")) as lenient:
        assert await lenient.principal_files.folder(lenient.context(ana.caller), SCORER, 1, "")


async def test_every_list_says_what_is_recalled(admin: AdminClient, endpoint: str, token: str) -> None:
    await recall(admin)
    page = await admin.provider.versions.page(admin.context, SCORER, PageRequest())
    assert [version.recall_replacement for version in page.items] == [2, None]
    rows, _, _ = await query_table(endpoint, token, "model_versions")
    assert [row["recall_reason"] for row in rows] == [REASON, None]


async def test_recalls_over_unity_catalog_and_mlflow(
    admin: AdminClient, server: TestServer, token: str
) -> None:
    assert token
    user = await create_user(admin, "olga")
    await grant_privileges(admin, "olga", *privileges_to_load(str(SCORER)))
    headers = {"Authorization": f"Bearer {user.token}"}
    admin_token = (await admin.provider.principals.create_token(admin.context, "admin"))[1]
    version = server.make_url(f"/api/2.1/unity-catalog/models/{SCORER}/versions/1")
    body = {"reason": REASON, "replacement_version": 2}
    async with aiohttp.ClientSession() as session:
        async with session.post(version / "recall", json=body, headers=headers) as answer:
            assert answer.status == 403
        as_admin = {"Authorization": f"Bearer {admin_token}"}
        async with session.post(version / "recall", json=body, headers=as_admin) as answer:
            assert answer.status == 200, await answer.text()
        async with session.get(version, headers=headers) as answer:
            recalled = (await answer.json())["recalled"]
        mlflow = server.make_url("/api/2.0/mlflow/unity-catalog/model-versions/get")
        asked = {"name": str(SCORER), "version": "1"}
        async with session.get(mlflow, params=asked, headers=headers) as answer:
            message = (await answer.json())["model_version"]["status_message"]
        async with session.delete(version / "recall", headers=as_admin) as answer:
            lifted = await answer.json()
    assert (recalled["reason"], recalled["replacement_version"]) == (REASON, 2)
    assert f"was recalled: {REASON} - use version 2" in message
    assert "recalled" not in lifted


def decoded(body: str) -> ModelVersion:
    return msgspec.json.decode(body, type=ModelVersion)

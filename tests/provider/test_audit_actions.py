"""Actions of the audit log: each is used, documented, and says what happened."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from model_sharing_protocol.files_api import PREFIX as FILES_PREFIX
from model_sharing_protocol.mlflow_registry import PREFIX
from model_sharing_protocol.names import FullName
from model_sharing_provider.cli.audit import reference_page
from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.domain.events import AuditEvent, Outcome, Target
from model_sharing_provider.domain.principals import ANONYMOUS, Caller
from model_sharing_provider.domain.securables import SecurableType
from model_sharing_provider.domain.versions import NewVersion
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.provider_cli import CliRunner

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "provider" / "model_sharing_provider"
NAME = FullName.parse("prod.ml_team.scorer")


async def actions(admin: AdminClient) -> set[AuditAction | str]:
    return {event.action for event in await admin.provider.audit.latest(admin.context, 1000)}


def test_the_reference_page_has_each_action_and_is_on_the_site() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", reference_page(), re.MULTILINE)
    assert rows == sorted(AuditAction)
    page = ROOT / "docs" / "reference" / "audit-actions.md"
    assert "<!-- generated: audit-actions -->" in page.read_text()


@pytest.mark.parametrize("action", AuditAction)
def test_each_action_has_a_word_and_a_meaning(action: AuditAction) -> None:
    words = re.findall("[A-Z]?[a-z]+", action.value)
    assert "".join(words) == action.value
    assert "_".join(words).upper() == action.name
    assert action.meaning and not action.meaning.endswith(".")


def test_each_action_is_logged_by_something() -> None:
    vocabulary = SOURCES / "domain" / "audit_actions.py"
    code = "".join(path.read_text() for path in SOURCES.rglob("*.py") if path != vocabulary)
    assert set(re.findall(r"AuditAction\.([A-Z_]+)\b", code)) == set(AuditAction.__members__)


async def test_a_word_of_another_release_is_shown_as_it_is(admin: AdminClient) -> None:
    event = AuditEvent(1, Caller(ANONYMOUS, "test"), "oldWord", Target(SecurableType.METASTORE), Outcome.OK)
    await admin.provider.database.append_events([event])
    assert "oldWord" in await actions(admin)


async def test_uploads_over_a_disk_give_out_no_credential_and_log_none(
    server: TestServer, admin: AdminClient, provider_home: Path, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    headers = {"Authorization": f"Bearer {(provider_home / 'admin.token').read_text()}"}
    generate = server.make_url(f"{PREFIX}/model-versions/generate-temporary-credentials")
    file = server.make_url(f"{FILES_PREFIX}/files/Models/prod/ml_team/scorer/2/model.pkl")
    async with aiohttp.ClientSession(headers=headers) as client:
        for version, operation in (("1", "READ"), ("2", "READ_WRITE")):
            body = {
                "name": str(NAME),
                "version": version,
                "operation": f"MODEL_VERSION_OPERATION_{operation}",
            }
            async with client.post(generate, json=body) as answer:
                assert (await answer.json())["credentials"].keys() == {"expiration_time", "storage_mode"}
        async with client.put(file, data=b"weights") as answer:
            assert answer.status == 200
    logged = await actions(admin)
    assert {
        AuditAction.GET_MODEL_VERSION,
        AuditAction.BEGIN_MODEL_VERSION_UPLOAD,
        AuditAction.UPLOAD_FILE,
    } <= logged
    assert AuditAction.GENERATE_TEMPORARY_MODEL_VERSION_CREDENTIAL not in logged


def test_events_are_filtered_by_an_action_in_any_case(provider_cli: CliRunner) -> None:
    provider_cli.succeed("share", "create", "acme")
    listed = provider_cli.succeed("audit", "list", "--action", "createshare", "--output", "json").json
    assert [event["action"] for event in listed] == ["createShare"]


def test_an_unknown_action_is_refused_with_near_ones(provider_cli: CliRunner) -> None:
    refused = provider_cli("audit", "list", "--action", "createShares")
    assert refused.code == 2
    assert "'createShares' is not an action; did you mean createShare" in refused.err
    assert "audit reference" in provider_cli("audit", "export", "--parquet", "x", "--action", "zzz").err


async def test_whoever_asks_for_credentials_that_there_are_none_of_leaves_another_event(
    admin: AdminClient, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), str(NAME))
    await admin.provider.uploads.create(admin.context, NAME, NewVersion())
    before = await actions(admin)
    assert await admin.provider.principal_credentials.read(admin.context, NAME, 1) is None
    assert await admin.provider.principal_credentials.write(admin.context, NAME, 2) is None
    left = await actions(admin) - before - {AuditAction.LIST_AUDIT_LOG}
    assert left == {AuditAction.GET_MODEL_VERSION, AuditAction.BEGIN_MODEL_VERSION_UPLOAD}

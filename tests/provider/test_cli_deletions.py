"""Commands that delete say whom they affect before they do, to people and to scripts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from model_sharing_protocol.names import SharedName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.model_folder import write_model
from support.principals import recipient_context
from support.provider_cli import CliRunner

MODEL = "prod.ml_team.scorer"
DELETIONS = {
    "model delete": ("model", "delete", MODEL),
    "model delete --version": ("model", "delete", MODEL, "--version", "1"),
    "share delete": ("share", "delete", "acme"),
    "share remove": ("share", "remove", "acme", "ml_team.scorer"),
    "recipient delete": ("recipient", "delete", "globex"),
}


@pytest.fixture
def pulled(provider_home: Path, provider_cli: CliRunner, tmp_path: Path) -> CliRunner:
    """A provider whose one recipient has pulled version 1."""

    async def pull() -> None:
        async with open_provider(Settings(provider_home)) as provider:
            admin = AdminClient.of(provider)
            await admin.register(write_model(tmp_path / "m"), MODEL)
            await admin.share("acme", "globex", MODEL)
            globex = await recipient_context(admin, "globex")
            await provider.recipient_files.version_files(
                globex, "acme", SharedName("ml_team", "scorer"), number=1
            )

    asyncio.run(pull())
    return provider_cli


def untouched(pulled: CliRunner) -> bool:
    """True while nothing is deleted."""
    (share,) = pulled.succeed("share", "list", "--output", "json").json
    there = pulled("model", "show", MODEL, "--output", "json").json["latest_version"]
    return bool(share["shared_as"] and share["recipients"] and there)


@pytest.mark.parametrize("deletion", DELETIONS)
def test_a_dry_run_says_whom_it_affects_and_deletes_nothing(pulled: CliRunner, deletion: str) -> None:
    told = pulled.succeed(*DELETIONS[deletion], "--dry-run")
    assert f"by globex ({MODEL} version 1, 20" in told.out
    assert "Nothing was done" in told.out
    record = pulled.succeed(*DELETIONS[deletion], "--dry-run", "--output", "json").json
    assert (record["dry_run"], record["recipients"]) == (True, ["globex"])
    assert [(pull["recipient"], pull["version"]) for pull in record["pulls"]] == [("globex", 1)]
    assert untouched(pulled)


@pytest.mark.parametrize("deletion", DELETIONS)
def test_the_question_names_who_pulled(pulled: CliRunner, deletion: str) -> None:
    asked = pulled(*DELETIONS[deletion], typed="n\n")
    assert asked.code != 0 and untouched(pulled)
    assert f"Pulled in the last 90 days by globex ({MODEL} version 1" in asked.err
    record = pulled.succeed(*DELETIONS[deletion], "--yes", "--output", "json").json
    assert (record["dry_run"], [pull["recipient"] for pull in record["pulls"]]) == (False, ["globex"])


def test_only_what_never_asked_goes_on_without_a_terminal(pulled: CliRunner) -> None:
    refused = pulled("share", "delete", "acme")
    assert (refused.code, "confirm with --yes" in refused.err) == (2, True)
    removed = pulled.succeed("share", "remove", "acme", "ml_team.scorer")
    assert "globex can no longer load what is shared as ml_team.scorer" in removed.err


def test_a_recall_says_who_pulled_too(pulled: CliRunner) -> None:
    recalled = pulled.succeed("model", "recall", MODEL, "1", "--reason", "wrong labels")
    assert "Pulled in the last 90 days by globex" in recalled.err
    assert "wrong labels" in pulled.succeed("model", "show", MODEL).out


def test_who_pulled_in_a_table_and_in_json(pulled: CliRunner) -> None:
    pulled.succeed("model", "alias", "set", MODEL, "Champion", "1")
    told = pulled.succeed("audit", "who-pulled", MODEL)
    assert "globex" in told.out and "Champion" in told.out
    record = pulled.succeed("audit", "who-pulled", MODEL, "1", "--output", "json").json
    assert [pull["version"] for pull in record["pulls"]] == [1]
    assert [lag["behind"] for lag in record["aliases"]] == [0]

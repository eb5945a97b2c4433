"""`jobs` commands, and maintenance that is left to servers."""

from __future__ import annotations

import pytest

from support.provider_cli import CliRunner


@pytest.mark.parametrize("command", [["fsck", "--quick"], ["gc", "--older-than", "2d"]])
def test_a_job_is_queued_listed_and_cancelled(provider_cli: CliRunner, command: list[str]) -> None:
    queued = provider_cli.succeed(*command, "--background", "--output", "json").json
    assert queued["state"] == "QUEUED"
    again = provider_cli(*command, "--background")
    assert again.code == 5 and f"jobs show {queued['id']}" in again.err
    assert [job["id"] for job in provider_cli.succeed("jobs", "list", "--output", "json").json] == [
        queued["id"]
    ]
    assert queued["id"] in provider_cli.succeed("jobs", "list").out
    provider_cli.succeed("jobs", "cancel", queued["id"])
    assert provider_cli.succeed("jobs", "list", "--output", "json").json == []
    (ended,) = provider_cli.succeed("jobs", "list", "--all", "--output", "json").json
    assert (ended["state"], ended["requester"]) == ("CANCELLED", "admin")
    assert provider_cli.succeed("jobs", "show", queued["id"], "--output", "json").json == ended


def test_a_dry_run_is_not_left_to_a_server(provider_cli: CliRunner) -> None:
    refused = provider_cli("gc", "--dry-run", "--background")
    assert refused.code == 2 and "--background" in refused.err

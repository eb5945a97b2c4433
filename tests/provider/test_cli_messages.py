"""Messages of the provider's command line: whom a deletion hits, who sees what, and what comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.model_folder import write_model
from support.provider_cli import CliRunner

MODEL = "prod.ml_team.iris_model"


@pytest.fixture
def shared(provider_cli: CliRunner, tmp_path: Path) -> CliRunner:
    """A model in two shares, one of which globex and initech read."""
    write_model(tmp_path / "iris_model")
    for command in (
        ("catalog", "create", "prod"),
        ("schema", "create", "prod.ml_team"),
        ("model", "register", "iris_model", MODEL, "--alias", "Champion"),
        ("share", "create", "acme_share"),
        ("share", "add-model", "acme_share", MODEL, "--as", "flowers.iris"),
        ("share", "create", "whole"),
        ("share", "add-schema", "whole", "prod.ml_team", "--as", "research"),
        ("recipient", "create", "globex"),
        ("recipient", "create", "initech"),
        ("share", "grant", "acme_share", "globex"),
        ("share", "grant", "acme_share", "initech"),
    ):
        provider_cli.succeed(*command)
    return provider_cli


DELETIONS = [
    (
        ("model", "alias", "delete", MODEL, "champion"),
        "acme_share: globex, initech can no longer load @champion",
    ),
    (("model", "delete", MODEL, "--version", "1"), "acme_share: globex, initech"),
    (("model", "delete", MODEL), "acme_share: globex, initech"),
    (("share", "delete", "acme_share"), "granted to globex, initech"),
    (("recipient", "delete", "globex"), "loses acme_share"),
]


@pytest.mark.parametrize(("command", "whom"), DELETIONS, ids=[" ".join(command) for command, _ in DELETIONS])
def test_a_deletion_names_whom_it_hits_and_asks(
    shared: CliRunner, command: tuple[str, ...], whom: str
) -> None:
    unasked = shared(*command)
    assert (unasked.code, unasked.out) == (2, "")
    assert whom in unasked.err
    assert "--yes" in unasked.err
    refused = shared(*command, typed="n\n")
    assert (refused.code, whom in refused.err) == (130, True)
    shared.succeed(*command, typed="y\n")
    assert shared(*command).code == 4


def test_a_pipe_may_answer(shared: CliRunner) -> None:
    command = ("share", "delete", "acme_share")
    assert shared(*command, piped="n\n").code == 130
    assert shared(*command, piped="y\n").code == 0


def test_scripts_say_yes(shared: CliRunner) -> None:
    for command, whom in DELETIONS:
        assert whom not in shared.succeed(*command, "--yes").err


def test_what_hits_nobody_is_not_asked_about(shared: CliRunner) -> None:
    shared.succeed("recipient", "create", "hooli")
    for command in (("share", "delete", "whole"), ("recipient", "delete", "hooli")):
        shared.succeed(*command)
    shared.succeed("share", "revoke", "acme_share", "globex")
    shared.succeed("share", "revoke", "acme_share", "initech")
    shared.succeed("model", "alias", "delete", MODEL, "Champion")


def test_lists_say_who_sees_what(shared: CliRunner) -> None:
    acme, whole = shared.succeed("share", "list", "--output", "json").json
    assert (acme["shared_as"], acme["recipients"]) == (["flowers.iris"], ["globex", "initech"])
    assert (whole["shared_as"], whole["recipients"]) == (["research"], [])
    table = shared.succeed("share", "list").out.splitlines()
    assert "globex, initech" in table[1]
    model = shared.succeed("model", "show", MODEL, "--output", "json").json
    assert model["format"] == ["python_function"]
    assert model["versions"][0]["signature"]["inputs"][0]["name"] == "x"
    assert model["shares"] == [
        {"share": "acme_share", "shared_as": "flowers.iris", "recipients": ["globex", "initech"]},
        {"share": "whole", "shared_as": "research.iris_model", "recipients": []},
    ]
    shown = shared.succeed("model", "show", MODEL).out
    assert "flowers.iris" in shown
    assert "x: double → double" in shown


def test_the_list_of_recipients_says_shares_and_expiry(shared: CliRunner) -> None:
    globex, _ = shared.succeed("recipient", "list", "--output", "json").json
    assert (globex["shares"], globex["last_used_at"]) == (["acme_share"], None)
    assert globex["expiration_time"] == globex["tokens"][0]["expiration_time"]
    header, row, *_ = shared.succeed("recipient", "list").out.splitlines()
    shown = ["NAME", "SHARES", "AUTHENTICATION_TYPE", "ACTIVATED", "EXPIRATION_TIME", "LAST_USED_AT"]
    assert header.split()[:6] == shown
    assert row.split()[1:3] == ["acme_share", "TOKEN"]


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        (("share", "list"), "share create"),
        (("recipient", "list"), "recipient create"),
        (("catalog", "list"), "catalog create"),
        (("schema", "list", "empty"), "schema create empty."),
        (("model", "list", "empty.too"), "model register"),
        (("model", "search"), "model register"),
        (("provider", "list"), "provider create"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_an_empty_list_says_the_next_step_to_people_only(
    provider_cli: CliRunner, command: tuple[str, ...], next_step: str
) -> None:
    if command[-1].startswith("empty"):
        provider_cli.succeed("catalog", "create", "empty")
        if command[-1] == "empty.too":
            provider_cli.succeed("schema", "create", "empty.too")
    else:
        provider_cli.succeed("settings", "show")
    empty = provider_cli.succeed(*command)
    assert (empty.out, next_step in empty.err) == ("", True)
    machine = provider_cli.succeed(*command, "--output", "json")
    assert (machine.json, next_step in machine.err) == ([], False)


@pytest.mark.parametrize("folder", ["nowhere", "file", "iris_model/nowhere"])
def test_registering_what_is_not_there_or_no_model_says_so(
    shared: CliRunner, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").touch()
    done = shared("model", "register", folder, MODEL)
    assert (done.code, done.out) == (15, "")
    assert ("is in no known format" if folder == "file" else f"{folder} does not exist") in done.err


def test_the_same_content_again_is_said(shared: CliRunner, tmp_path: Path) -> None:
    write_model(tmp_path / "other", {"model.pkl": b"others"})
    assert "same content" not in shared.succeed("model", "register", "other", MODEL).out
    again = shared.succeed("model", "register", "iris_model", MODEL)
    assert "version 3 " in again.out
    assert "same content as version 1" in again.out
    machine = shared.succeed("model", "register", "iris_model", MODEL, "--output", "json").json
    assert (machine["version"], machine["same_content_as"]) == (4, 3)


@pytest.mark.parametrize("in_place", [False, True])
def test_only_what_changed_is_registered(
    shared: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_EXTERNAL_LOCATIONS", tmp_path.as_uri())
    options = ["--if-changed", "--in-place"] if in_place else ["--if-changed"]

    def register(folder: str, *more: str) -> str:
        source = (tmp_path / folder).as_uri() if in_place else folder
        return shared.succeed("model", "register", source, MODEL, *options, *more).out

    assert "version 1 already has this content" in register("iris_model")
    write_model(tmp_path / "other", {"model.pkl": b"others"})
    assert "Registered" in register("other", "--alias", "Champion")
    assert "alias Champion points at it" in register("iris_model", "--alias", "Champion")
    found = shared.succeed("model", "show", MODEL, "--output", "json").json
    assert (found["latest_version"], found["aliases"]) == (2, {"Champion": 1})
    (tmp_path / "iris_model" / "added").touch()
    assert "Registered" in register("iris_model")


def test_a_model_is_shown_with_its_format(shared: CliRunner, tmp_path: Path, provider_home: Path) -> None:
    content = (tmp_path / "iris_model" / "MLmodel").read_text()
    (tmp_path / "iris_model" / "MLmodel").write_text(
        content.replace("flavors:", "flavors:\n  sklearn: {}", 1)
    )
    shared.succeed("model", "register", "iris_model", MODEL)
    assert "sklearn" in shared.succeed("model", "show", MODEL).out
    for file in (provider_home / "artifacts").rglob("MLmodel"):
        file.unlink()
    shown = shared.succeed("model", "show", MODEL, "--output", "json").json
    assert (shown["format"], shown["latest_version"]) == ([], 2)


@pytest.mark.parametrize("host", ["models.acme.example", "127.0.0.1"])
def test_a_profile_whose_token_would_travel_in_clear_is_warned_of(
    provider_cli: CliRunner, tmp_path: Path, host: str
) -> None:
    profile = {"shareCredentialsVersion": 1, "endpoint": f"http://{host}/delta-sharing", "bearerToken": "t"}
    (tmp_path / "acme.share").write_text(json.dumps(profile))
    for command in (("provider", "create"), ("provider", "update")):
        said = provider_cli.succeed(*command, "acme", "--profile", str(tmp_path / "acme.share")).err
        assert ("Ask the provider for an https address" in said) == (host != "127.0.0.1")

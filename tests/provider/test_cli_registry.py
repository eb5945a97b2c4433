"""The command line covers the registry: people, rights, models, names and owners."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from model_sharing_protocol.names import FullName
from model_sharing_provider.bootstrap.composition import open_provider
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.domain.principals import ANONYMOUS, Caller, Principal
from model_sharing_provider.services.registry.lineage import UPSTREAM
from support.model_folder import write_model
from support.provider_cli import CliRunner

MODEL = "dev.fraud.scorer"


@pytest.fixture
def registered(provider_cli: CliRunner, tmp_path: Path) -> str:
    """A model with one version, which an MLflow run made."""
    folder = write_model(tmp_path / "model")
    with (folder / "MLmodel").open("a") as mlmodel:
        mlmodel.write("run_id: run7\n")
    provider_cli.succeed("catalog", "create", "dev")
    provider_cli.succeed("schema", "create", "dev.fraud")
    provider_cli.succeed("model", "register", str(folder), MODEL, "--comment", "first")
    return MODEL


def holder_of(home: Path, token: str) -> Principal:
    """Principal that a token belongs to. Raises Unauthenticated."""

    async def ask() -> Principal:
        async with open_provider(Settings(home)) as provider:
            return await provider.principals.authenticate(provider.context(Caller(ANONYMOUS, "test")), token)

    return asyncio.run(ask())


def test_a_team_gets_to_work(provider_cli: CliRunner, provider_home: Path) -> None:
    provider_cli.succeed("catalog", "create", "dev")
    provider_cli.succeed("schema", "create", "dev.fraud")
    provider_cli.succeed("principal", "create", "fraud team", "--type", "group")
    created = provider_cli.succeed("principal", "create", "ann@example.com", "--output", "json").json
    assert (created["name"], created["type"], created["tokens"]) == ("ann@example.com", "USER", [])
    done = provider_cli.succeed("principal", "create", "nightly job", "--type", "service-principal")
    assert done.out == "Created the service principal nightly job\n"
    for member in ("ann@example.com", "nightly job"):
        provider_cli.succeed("principal", "add-member", "fraud team", member)
    provider_cli.succeed("principal", "remove-member", "fraud team", "nightly job")
    assert provider_cli.succeed("principal", "show", "fraud team", "--output", "json").json["members"] == [
        "ann@example.com"
    ]

    token = provider_cli.succeed("principal", "token", "create", "ann@example.com", "--comment", "notebook")
    assert token.out.count("\n") == 1
    assert "not shown again" in token.err
    assert token.out.strip() not in token.err
    ann = holder_of(provider_home, token.out.strip())
    assert [each.name for each in ann.identities] == ["ann@example.com", "account users", "fraud team"]

    (kept,) = provider_cli.succeed("principal", "show", "ann@example.com", "--output", "json").json["tokens"]
    assert kept["comment"] == "notebook"
    assert kept["expiration_time"] - kept["created_at"] == 90 * 86_400_000
    assert kept["id"] in token.err
    provider_cli.succeed("principal", "token", "delete", "ann@example.com", kept["id"])
    with pytest.raises(Exception, match="bearer token"):
        holder_of(provider_home, token.out.strip())
    as_json = provider_cli.succeed(
        "principal", "token", "create", "nightly job", "--expires-in", "1h", "--output", "json"
    )
    assert holder_of(provider_home, as_json.json["token_value"]).name == "nightly job"

    provider_cli.succeed("principal", "delete", "nightly job")
    listed = provider_cli.succeed("principal", "list", "--output", "json").json
    assert [each["name"] for each in listed] == ["account users", "admin", "ann@example.com", "fraud team"]


def test_the_policies_of_a_principal_and_their_groups(provider_cli: CliRunner) -> None:
    provider_cli.succeed("principal", "create", "pipeline", "--type", "service-principal")
    provider_cli.succeed("principal", "create", "cn=jobs,ou=acme", "--type", "group")
    command = ("principal", "federation-policy")
    of_ci = ("--issuer", "https://i.example", "--subject", "ci", "--audience", "a", "--name", "ci")
    provider_cli.succeed(
        *command, "create", "pipeline", *of_ci, "--groups-claim", "groups", "--group", "cn=jobs,ou=acme"
    )

    def shown() -> dict[str, Any]:
        found: dict[str, Any] = provider_cli.succeed(
            *command, "get", "pipeline", "ci", "--output", "json"
        ).json
        return found

    def update(*given: str) -> dict[str, Any]:
        """The policy after an update, but for when it was."""
        provider_cli.succeed(*command, "update", "pipeline", "ci", *given)
        return {name: value for name, value in shown().items() if name != "updated_at"}

    before = {name: value for name, value in shown().items() if name != "updated_at"}
    assert (before["groups_claim"], before["groups"]) == ("groups", ["cn=jobs,ou=acme"])
    assert update("--comment", "nightly") == before | {"comment": "nightly"}
    after = update("--groups-claim", "", "--audience", "b", "--audience", "c")
    assert (after["groups_claim"], after["groups"], after["audiences"]) == ("", [], ["b", "c"])
    assert (after["id"] != before["id"], after["created_at"]) == (True, before["created_at"])
    assert "'cd'" in provider_cli(*command, "update", "pipeline", "cd", "--comment", "x").err


def test_rights_are_granted_seen_and_taken_back(provider_cli: CliRunner, registered: str) -> None:
    provider_cli.succeed("principal", "create", "ann")
    provider_cli.succeed("principal", "create", "bob")
    done = provider_cli.succeed("grant", "add", "metastore", "-", "bob", "CREATE_SHARE", "create catalog")
    assert done.out == "Granted CREATE_CATALOG, CREATE_SHARE on the metastore to bob\n"
    provider_cli.succeed("grant", "add", "catalog", "dev", "ann", "USE_CATALOG", "EXECUTE")
    provider_cli.succeed("grant", "add", "schema", "dev.fraud", "ann", "USE_SCHEMA")
    held = provider_cli.succeed(
        "grant", "add", "function", registered, "bob", "APPLY_TAG", "--output", "json"
    ).json
    assert held == {
        "principal": "bob",
        "securable_type": "MODEL",
        "full_name": registered,
        "privileges": ["APPLY_TAG"],
    }

    here = provider_cli.succeed("grant", "list", "model", registered, "--output", "json").json
    assert [(each["principal"], each["privilege"]) for each in here] == [("bob", "APPLY_TAG")]
    reaching = ("grant", "list", "model", registered, "--effective")
    (inherited,) = provider_cli.succeed(*reaching, "--principal", "ann", "--output", "json").json
    assert inherited == {
        "principal": "ann",
        "privilege": "EXECUTE",
        "securable_type": "CATALOG",
        "full_name": "dev",
    }
    table = provider_cli.succeed(*reaching).out
    assert re.search(r"^bob +APPLY_TAG +MODEL +dev\.fraud\.scorer$", table, re.MULTILINE)

    done = provider_cli.succeed("grant", "remove", "model", registered, "bob", "APPLY_TAG")
    assert done.out == f"Revoked APPLY_TAG on the model {registered} from bob\n"
    assert provider_cli.succeed("grant", "list", "model", registered, "--output", "json").json == []


def test_a_version_is_promoted(provider_cli: CliRunner, registered: str) -> None:
    provider_cli.succeed("catalog", "create", "prod")
    provider_cli.succeed("schema", "create", "prod.fraud")
    provider_cli.succeed("model", "tag", "set", registered, "stage", "review", "--version", "1")
    provider_cli.succeed("model", "tag", "set", registered, "team", "fraud")
    provider_cli.succeed("model", "tag", "set", registered, "obsolete", "yes")
    provider_cli.succeed("model", "tag", "delete", registered, "obsolete")
    shown = provider_cli.succeed("model", "show", registered, "--output", "json").json
    assert (shown["tags"], shown["versions"][0]["tags"]) == ({"team": "fraud"}, {"stage": "review"})

    done = provider_cli.succeed("model", "copy", registered, "1", "prod.fraud.scorer")
    assert done.out == f"Copied {registered} version 1 to prod.fraud.scorer version 1\n"
    found = provider_cli.succeed("model", "search", "--run-id", "run7", "--output", "json").json
    assert [(each["full_name"], each["digest"]) for each in found] == [
        (registered, shown["versions"][0]["digest"]),
        ("prod.fraud.scorer", shown["versions"][0]["digest"]),
    ]

    done = provider_cli.succeed("model", "rename", "prod.fraud.scorer", "card_scorer")
    assert done.out == "prod.fraud.scorer is now prod.fraud.card_scorer\n"
    provider_cli.succeed("model", "rename", "prod.fraud.card_scorer", "prod.fraud.cards")
    provider_cli.succeed("principal", "create", "ann")
    provider_cli.succeed("model", "update", "prod.fraud.cards", "--comment", "for cards", "--owner", "ann")
    provider_cli.succeed("model", "update", "prod.fraud.cards", "--version", "1", "--comment", "approved")
    shown = provider_cli.succeed("model", "show", "prod.fraud.cards", "--output", "json").json
    assert (shown["comment"], shown["owner"]) == ("for cards", "ann")
    (version,) = shown["versions"]
    assert (version["comment"], version["tags"]) == ("approved", {"stage": "review"})

    provider_cli.succeed("model", "create", "prod.fraud.planned", "--comment", "no version yet")
    assert [
        each["full_name"] for each in provider_cli.succeed("model", "search", "--output", "json").json
    ] == [
        registered,
        "prod.fraud.cards",
        "prod.fraud.planned",
    ]
    of_dev = provider_cli.succeed("model", "search", "--catalog", "DEV", "--output", "json").json
    assert [each["full_name"] for each in of_dev] == [registered]


def test_lineage_is_shown_as_it_was_told(
    provider_cli: CliRunner, registered: str, provider_home: Path
) -> None:
    assert provider_cli.succeed("lineage", registered, "1", "--output", "json").json == []
    payload = {"entities": [{"table": {"name": "dev.fraud.payments"}}]}

    async def tell() -> None:
        async with open_provider(Settings(provider_home)) as provider:
            context = provider.context(Caller(provider.administrator, "test"))
            await provider.lineage.emit(context, FullName.parse(registered), 1, UPSTREAM, payload)

    asyncio.run(tell())
    (record,) = provider_cli.succeed("lineage", registered, "1", "--output", "json").json
    assert (record["direction"], record["recorded_by"], record["payload"]) == (UPSTREAM, "admin", payload)
    assert (
        '{"entities": [{"table": {"name": "dev.fraud.payments"}}]}'
        in provider_cli.succeed("lineage", registered, "1").out
    )


def test_names_owners_and_comments_change(provider_cli: CliRunner, registered: str) -> None:
    provider_cli.succeed("principal", "create", "ann")
    done = provider_cli.succeed("catalog", "update", "dev", "--rename", "Lab", "--comment", "for trials")
    assert done.out == "Updated the catalog lab\n"
    schema = ("schema", "update", "lab.fraud", "--rename", "cards", "--owner", "ann", "--output", "json")
    assert provider_cli.succeed(*schema).json["full_name"] == "lab.cards"
    assert provider_cli.succeed("schema", "show", "lab.cards", "--output", "json").json["owner"] == "ann"
    catalog = provider_cli.succeed("catalog", "show", "lab", "--output", "json").json
    assert (catalog["comment"], catalog["owner"]) == ("for trials", "admin")
    provider_cli.succeed("catalog", "update", "lab", "--comment", "")
    assert provider_cli.succeed("catalog", "show", "lab", "--output", "json").json["comment"] == ""
    assert provider_cli("model", "show", registered).code == 4
    provider_cli.succeed("model", "show", "lab.cards.scorer")

    provider_cli.succeed("share", "create", "acme", "--comment", "old")
    share = provider_cli.succeed(
        "share", "update", "acme", "--rename", "acme2", "--owner", "ann", "--output", "json"
    )
    assert (share.json["name"], share.json["owner"], share.json["comment"]) == ("acme2", "ann", "old")
    assert provider_cli("principal", "delete", "ann").code == 19


def test_where_a_recipients_credentials_are_good(provider_cli: CliRunner) -> None:
    networks = ("--ip-access-list", "192.0.2.0/24", "--ip-access-list", "2001:db8::/32")
    provider_cli.succeed("recipient", "create", "globex", *networks)
    shown = provider_cli.succeed("recipient", "show", "globex", "--output", "json").json
    assert shown["ip_access_list"] == ["192.0.2.0/24", "2001:db8::/32"]
    provider_cli.succeed("recipient", "update", "globex", "--rename", "initech", "--comment", "new name")
    changed = ("recipient", "update", "initech", "--ip-access-list", "198.51.100.7", "--output", "json")
    record = provider_cli.succeed(*changed).json
    assert (record["ip_access_list"], record["comment"]) == (["198.51.100.7/32"], "new name")
    opened = provider_cli.succeed(
        "recipient", "update", "initech", "--no-ip-access-list", "--output", "json"
    ).json
    assert opened["ip_access_list"] == []
    assert provider_cli("recipient", "update", "initech", "--ip-access-list", "10.0.0.1/8").code == 2
    assert provider_cli("recipient", "update", "initech", "--no-ip-access-list", *networks).code == 2


def test_deleting_all_that_is_in_a_catalog_asks_first(
    provider_cli: CliRunner, registered: str, provider_home: Path
) -> None:
    assert provider_cli("catalog", "delete", "dev").code == 19
    assert provider_cli("catalog", "delete", "dev", "--force").code == 2  # nobody to confirm
    assert provider_cli("catalog", "delete", "dev", "--force", typed="n\n").code == 130
    provider_cli.succeed("model", "show", registered)
    asked = provider_cli.succeed("schema", "delete", "dev.fraud", "--force", typed="y\n")
    assert "the schema dev.fraud and everything in it" in asked.err
    assert asked.out == "Deleted the schema dev.fraud\n"
    provider_cli.succeed("catalog", "delete", "dev", "--force", "--yes")
    assert provider_cli.succeed("catalog", "list", "--output", "json").json == []
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("grant", "add", "metastore", "ann", "bob", "CREATE_SHARE"), 2, "give - for its name"),
        (("grant", "add", "share", "acme", "ann", "SELECT"), 2, "'share' is not one of"),
        (("grant", "add", "catalog", "dev", "ann", "FLY"), 2, "'FLY' cannot be granted on a catalog"),
        (("grant", "add", "model", "dev.fraud", "ann", "EXECUTE"), 2, "write it as catalog.schema.model"),
        (("grant", "add", "catalog", "dev", "nobody", "EXECUTE"), 4, "'nobody' does not exist"),
        (("grant", "add", "catalog", "dev", "ann"), 2, "Missing argument 'PRIVILEGE...'"),
        (("grant", "list", "catalog", "nowhere"), 4, "create it with 'catalog create nowhere'"),
        (("principal", "create", "admin"), 5, "exists already"),
        (("principal", "create", " "), 2, "cannot be a principal's name"),
        (("principal", "create", "x", "--type", "robot"), 2, "'robot' is not one of"),
        (("principal", "show", "nobody"), 4, "'nobody' does not exist; list all with 'principal list'"),
        (("principal", "delete", "admin"), 19, "cannot be deleted"),
        (("principal", "add-member", "admin", "admin"), 19, "is not a group"),
        (("principal", "token", "create", "admin", "--expires-in", "731d"), 2, "at most 730 days"),
        (("principal", "token", "create", "account users"), 19, "is a group"),
        (("principal", "token", "delete", "admin", "none"), 4, "has no token 'none'"),
        (("catalog", "update", "dev"), 2, "nothing to change"),
        (("catalog", "update", "dev", "--rename", ""), 2, "cannot be empty"),
        (("catalog", "update", "dev", "--owner", "nobody"), 4, "'nobody' does not exist"),
        (("schema", "update", "dev.fraud", "--rename", "a.b"), 2, "contains '.'"),
        (("share", "update", "nothing", "--comment", "x"), 4, "list all with 'share list'"),
        (("recipient", "show", "nobody"), 4, "list all with 'recipient list'"),
        (("model", "show", "dev.fraud.none"), 4, "list its schema's models with 'model list dev.fraud'"),
        (("recipient", "update", "globex"), 2, "nothing to change"),
        (("recipient", "create", "globex", "--ip-access-list", "10.0.0.300"), 2, "cannot be used"),
        (("model", "copy", MODEL, "2", "dev.fraud.b"), 4, f"List its versions with 'model show {MODEL}'"),
        (("model", "copy", MODEL, "0", "dev.fraud.b"), 2, "0 is not in the range"),
        (("model", "copy", MODEL, "1", "dev.none.b"), 4, "create it with 'schema create dev.none'"),
        (("model", "rename", MODEL, ""), 2, "is empty"),
        (("model", "update", MODEL, "--version", "1", "--owner", "admin"), 2, "--comment alone"),
        (("model", "tag", "set", MODEL, "", "x"), 2, "cannot be a tag's key"),
        (("model", "tag", "delete", MODEL, "none"), 4, "The tag 'none' does not exist"),
        (("model", "tag", "set", MODEL, "a", "b", "--version", "9"), 4, "has no version 9"),
        (("model", "search", "--catalog", "dev", "--run-id", "run7"), 2, "not both"),
        (("model", "search", "--catalog", "nowhere"), 4, "does not exist"),
        (("lineage", MODEL, "2147483648"), 2, "is not in the range"),
        (("lineage", MODEL, "2"), 4, "has no version 2"),
        (("audit", "list", "--outcome", "odd"), 2, "'odd' is not one of"),
    ],
)
def test_wrong_input_is_named(
    provider_cli: CliRunner, registered: str, command: tuple[str, ...], code: int, says: str
) -> None:
    done = provider_cli(*command)
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_share_allows_resharing_when_told_to(provider_cli: CliRunner) -> None:
    provider_cli.succeed("share", "create", "acme", "--allow-resharing")
    assert provider_cli.succeed("share", "show", "acme", "--output", "json").json["resharing"] is True
    provider_cli.succeed("share", "update", "acme", "--forbid-resharing")
    assert provider_cli.succeed("share", "show", "acme", "--output", "json").json["resharing"] is False

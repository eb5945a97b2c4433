"""Terms by the command line and by Unity Catalog REST: as owners set them, and accept those of others."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer

from model_sharing_protocol.errors import InvalidParameter, NotFound, TermsNotAccepted
from model_sharing_protocol.terms import MAX_TERMS_BYTES, terms_digest
from model_sharing_provider.configuration.settings import Settings
from support.admin_client import AdminClient
from support.fake_provider.models import SHARE, terms_message
from support.fake_provider.server import FakeProvider
from support.fake_upstream import files
from support.model_folder import write_model
from support.provider_cli import CliRunner

MODEL = "prod.ml_team.scorer"
TEXT = "Evaluate it.\nDo not resell it.\n"


@pytest.fixture
def shared(provider_cli: CliRunner, tmp_path: Path) -> CliRunner:
    for command in (
        "catalog create prod",
        "schema create prod.ml_team",
        f"model register {write_model(tmp_path / 'm')} {MODEL}",
        "share create acme",
        f"share add-model acme {MODEL}",
        "recipient create globex",
        "share grant acme globex",
    ):
        provider_cli.succeed(*command.split())
    return provider_cli


def test_terms_are_set_from_a_file_and_shown(shared: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "TERMS.txt"
    # As an editor on Windows writes it.
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    digest = terms_digest("2.0", TEXT)
    done = shared("share", "set-terms", "acme", str(file), "--version", "2.0", typed="y\n")
    assert done.err.startswith("globex can load it again once they accept these terms. Go on?")
    assert done.out == f"The terms of acme are version 2.0, {digest}\n"
    assert shared.succeed("share", "terms", "acme").out.endswith(TEXT)
    file.write_text("Other words.")
    declined = shared("share", "set-terms", "acme", str(file), "--version", "2.1", typed="n\n")
    assert declined.code != 0
    shared.succeed("share", "set-terms", "acme", str(file), "--version", "2.1", "--yes")
    listed = shared.succeed("share", "terms", "acme", "--history", "--output", "json").json
    assert [(each["version"], each["ended_at"] is None) for each in listed] == [("2.1", True), ("2.0", False)]
    assert shared.succeed("share", "terms", "acme", "--digest", digest).out.endswith(TEXT)
    missing = shared("share", "terms", "acme", "--digest", "sha256:0")
    assert (missing.code, "never had terms 'sha256:0'" in missing.err) == (NotFound.row.exit_code, True)
    shared.succeed("share", "clear-terms", "acme")
    assert shared.succeed("share", "terms", "acme").err == "acme has no terms of its own.\n"
    assert shared.succeed("share", "terms", "acme", "--output", "json").json is None
    assert shared.succeed("recipient", "acceptances", "globex").err == "globex has accepted no terms.\n"
    shared.succeed("model", "set-terms", MODEL, str(file), "--version", "1", "--yes")
    assert shared.succeed("model", "terms", MODEL, "--output", "json").json["text"] == "Other words."


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xfd", b"a" * (MAX_TERMS_BYTES + 1), b"\x00"])
def test_a_file_that_is_no_text_is_refused(shared: CliRunner, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "TERMS.txt").write_bytes(content)
    done = shared("share", "set-terms", "acme", str(tmp_path / "TERMS.txt"), "--version", "1", "--yes")
    assert (done.code, done.err.count("\n")) == (InvalidParameter.row.exit_code, 1)
    assert shared.succeed("share", "terms", "acme", "--output", "json").json is None


def test_a_catalog_is_made_by_who_read_the_terms_of_its_share(
    provider_cli: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_ALLOWED_PROVIDER_NETWORKS", "127.0.0.0/8")
    of_share, of_model = terms_message("1", TEXT), terms_message("2", "Cite us.", "ml_team.scorer")
    digest, cited = of_share["digest"], of_model["digest"]
    with FakeProvider() as fake:
        fake.publish("ml_team.scorer", 1, files(b"one"), "Champion")
        fake.terms = [of_share, of_model]
        (tmp_path / "acme.share").write_bytes(fake.profile())
        provider_cli.succeed("provider", "create", "acme", "--profile", str(tmp_path / "acme.share"))
        assert TEXT in provider_cli.succeed("provider", "terms", "acme", SHARE).out
        create = ("catalog", "create", "vendor", "--provider", "acme", "--share", SHARE)
        refused = provider_cli(*create)
        assert (refused.code, TEXT in refused.out) == (TermsNotAccepted.row.exit_code, True)
        assert refused.err.strip().endswith(f"accept them with: --accept-terms {digest}")
        provider_cli.succeed(*create, "--accept-terms", digest)
        assert of_share["acceptedBy"] == "admin"
        pulled = provider_cli("catalog", "pull", "vendor")
        assert pulled.code == TermsNotAccepted.row.exit_code
        assert pulled.err.strip().endswith(f"catalog accept-terms vendor {cited}")
        accepted = provider_cli.succeed("catalog", "accept-terms", "vendor", cited)
        assert accepted.out == f"Accepted the terms of the model ml_team.scorer, version 2, {cited}\n"
        assert "accepted at 2023-11-14T22:13:20" in provider_cli.succeed("catalog", "terms", "vendor").out
        provider_cli.succeed("catalog", "pull", "vendor")


async def test_owners_set_them_by_unity_catalog_rest(
    admin: AdminClient, settings: Settings, server: TestServer, tmp_path: Path
) -> None:
    await admin.register(write_model(tmp_path / "m"), MODEL)
    await admin.share("acme", "globex", MODEL)
    headers = {"Authorization": f"Bearer {settings.admin_token_path.read_text()}"}
    places = ("/api/2.1/unity-catalog/shares/acme/terms", f"/api/2.1/unity-catalog/models/{MODEL}/terms")
    async with TestClient(server, headers=headers) as client:
        for place in places:
            answer = await client.put(place, json={"version": "1", "text": TEXT})
            found = await answer.json()
            assert (answer.status, found["digest"]) == (200, terms_digest("1", TEXT)), found
            answer = await client.get(f"{place}?digest={quote(found['digest'])}")
            assert [each["text"] for each in (await answer.json())["terms"]] == [TEXT]
            answer = await client.put(place, json={"version": "1", "text": ""})
            assert (answer.status, (await answer.json())["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert (await client.delete(place)).status == 200
            ended = (await (await client.get(place)).json())["terms"][0]
            assert ended["ended_by"] == "admin"
        answer = await client.get("/api/2.1/unity-catalog/recipients/globex/acceptances")
        assert json.loads(await answer.text()) == {"acceptances": []}

"""Terms on the recipient's side: read before a share is mounted, accepted once, asked about on a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import (
    InvalidParameter,
    NotASharingServer,
    NotFound,
    TermsNotAccepted,
)
from model_sharing_protocol.terms import MAX_TERMS_BYTES
from support.fake_provider.models import SHARE, terms_message
from support.fake_provider.server import FakeProvider
from support.recipient_cli import RunCli

URI = "models:/vendor.ml_team.iris_model"
TEXT = "Evaluate it.\nDo not resell it.\n"
OF_SHARE = terms_message("2.0", TEXT)
OF_MODEL = terms_message("1", "Cite us.", "ml_team.iris_model")
ALL, CITED = OF_SHARE["digest"], OF_MODEL["digest"]


@pytest.fixture
def acme(fake_provider: FakeProvider) -> FakeProvider:
    """A share with terms, and a model with more of them."""
    fake_provider.publish("ml_team.iris_model", 1, {"MLmodel": b"flavors: {}\n"}, "Champion")
    fake_provider.publish("ml_team.other", 1, {"MLmodel": b"flavors: {}\n"})
    fake_provider.terms = [dict(OF_SHARE), dict(OF_MODEL)]
    return fake_provider


@pytest.mark.usefixtures("acme")
def test_a_script_reads_the_terms_and_accepts_them_by_their_digest(profile: Path) -> None:
    with pytest.raises(TermsNotAccepted, match=f"version 2.0 .*or with --accept-terms {ALL}"):
        model_sharing.mount(profile, name="vendor")
    assert model_sharing.mounts() == []
    share, model = model_sharing.list_terms(profile)
    assert (share.digest, share.version, share.text, share.models, share.accepted) == (
        ALL,
        "2.0",
        TEXT,
        (),
        False,
    )
    assert (model.digest, model.models) == (CITED, ("ml_team.iris_model",))
    catalog = model_sharing.mount(
        profile, name="vendor", accept_terms=[ALL], accepted_by="ana@globex.example"
    )
    assert [(each.accepted, each.accepted_by) for each in catalog.list_terms()] == [
        (True, "ana@globex.example"),
        (False, None),
    ]
    # What only a model asks for is asked when it is wanted, and not of the others.
    assert catalog.snapshot("ml_team.other/1").manifest.files
    with pytest.raises(TermsNotAccepted, match=r"with: model-sharing terms vendor"):
        catalog.snapshot("ml_team.iris_model@Champion")
    (accepted,) = catalog.accept_terms(CITED)
    assert accepted.accepted and accepted.accepted_by
    assert catalog.snapshot("ml_team.iris_model@Champion").manifest.files


def test_what_is_in_the_cache_was_agreed_to_before(acme: FakeProvider, profile: Path) -> None:
    catalog = model_sharing.mount(profile, name="vendor", accept_terms=[ALL, CITED])
    catalog.snapshot("ml_team.iris_model/1")
    acme.terms = [terms_message("3.0", "Other words.")]
    # Neither by its number, nor by an alias that was never asked for.
    for ref in ("ml_team.iris_model/1", "ml_team.iris_model@Champion"):
        assert catalog.snapshot(ref).fetched == 0
    with pytest.raises(TermsNotAccepted):
        catalog.snapshot("ml_team.other/1")
    # The same mount again is where a script learns of it.
    with pytest.raises(TermsNotAccepted, match=r"version 3\.0"):
        model_sharing.mount(profile, name="vendor", accept_terms=[ALL, CITED])
    acme.stop()
    assert catalog.snapshot("ml_team.iris_model/1").fetched == 0


def test_a_provider_that_knows_no_terms_has_none(fake_provider: FakeProvider, profile: Path) -> None:
    assert model_sharing.list_terms(profile) == []
    catalog = model_sharing.mount(profile, share=SHARE, name="vendor", accept_terms=[ALL])
    assert catalog.list_terms() == []
    with pytest.raises(NotFound):
        catalog.accept_terms(ALL)
    fake_provider.shares = []
    with pytest.raises(NotFound):
        catalog.list_terms()


def test_terms_that_cannot_be_believed_are_not_shown(acme: FakeProvider, profile: Path) -> None:
    acme.terms = [OF_SHARE | {"text": "Nothing to see."}]
    with pytest.raises(NotASharingServer, match="does not match their digest"):
        model_sharing.mount(profile, name="vendor", accept_terms=[ALL])
    acme.terms = [terms_message("1", "x" * (MAX_TERMS_BYTES + 1))]
    with pytest.warns(model_sharing.InvalidItemWarning):
        assert model_sharing.list_terms(profile) == []


@pytest.mark.usefixtures("acme")
def test_an_acceptance_names_a_digest_and_a_person(profile: Path) -> None:
    for digest in ("1234", f"{ALL}0", ALL.upper()):
        with pytest.raises(InvalidParameter, match="is not a digest of terms"):
            model_sharing.mount(profile, name="vendor", accept_terms=[digest])
    with pytest.raises(InvalidParameter, match="name of who accepts"):
        model_sharing.mount(profile, name="vendor", accept_terms=[ALL], accepted_by="a\nb")


@pytest.mark.usefixtures("acme")
def test_code_that_awaits_accepts_them_too(profile: Path) -> None:
    model_sharing.mount(profile, name="vendor", accept_terms=[ALL])

    async def accept() -> list[bool]:
        async with model_sharing.AsyncCatalog("vendor") as catalog:
            await catalog.accept_terms(CITED, accepted_by="ana")
            return [terms.accepted for terms in await catalog.list_terms()]

    assert asyncio.run(accept()) == [True, True]


@pytest.mark.usefixtures("acme")
def test_without_a_terminal_the_command_shows_them_and_names_the_flag(run_cli: RunCli, profile: Path) -> None:
    refused = run_cli("mount", profile, "--as", "vendor")
    assert refused.returncode == TermsNotAccepted.row.exit_code
    assert f"Terms of the whole share, version 2.0, not accepted\n{ALL}\n\n{TEXT}" in refused.stdout
    assert refused.stderr.strip().endswith(f"or with --accept-terms {ALL}")
    done = run_cli("mount", profile, "--as", "vendor", "--accept-terms", ALL, "--accepted-by", "ana")
    assert done.returncode == 0, done.stderr
    assert "read them with: model-sharing terms vendor" in done.stderr
    assert "accepted at 2023-11-14T22:13:20" in run_cli("terms", "vendor").stdout
    accepted = run_cli("terms", "vendor", "--accept", CITED, "--accepted-by", "bob")
    assert accepted.stdout == f"Accepted the terms of the model ml_team.iris_model, version 1, {CITED}\n"
    listed = json.loads(run_cli("terms", "vendor", "--output", "json").stdout)
    assert [(each["digest"], each["accepted_by"]) for each in listed] == [(ALL, "ana"), (CITED, "bob")]
    assert run_cli("mount", profile, "--as", "vendor").stderr == ""


@pytest.mark.usefixtures("acme")
def test_on_a_terminal_the_command_asks(profile: Path, tmp_path: Path) -> None:
    declined = on_a_terminal(tmp_path, ["mount", str(profile), "--as", "vendor"], "n")
    assert TEXT.replace("\n", "\r\n") in declined
    assert "are not accepted" in declined.replace("\r\n", "")
    assert model_sharing.mounts() == []
    said = on_a_terminal(tmp_path, ["mount", str(profile), "--as", "vendor"], "y", "y")
    assert "Mounted acme_share" in said
    assert "Cite us." in said
    assert [terms.accepted for terms in model_sharing.catalog("vendor").list_terms()] == [True, True]


def on_a_terminal(folder: Path, arguments: list[str], *answers: str) -> str:
    """What a command shows on a terminal, where each question gets the next answer."""
    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "model_sharing.cli", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, stdin=inner, stdout=inner, stderr=inner, env={**os.environ, "TERM": "dumb"}
    )
    os.close(inner)
    shown, waiting = b"", list(answers)
    while True:
        ready, _, _ = select.select([outer], [], [], 300)
        assert ready, shown
        try:
            piece = os.read(outer, 65536)
        except OSError:  # the other end of the terminal is closed
            piece = b""
        if not piece:
            break
        shown += piece
        if waiting and shown.endswith(b"[y/N]: "):
            os.write(outer, f"{waiting.pop(0)}\n".encode())
    process.wait(300)
    os.close(outer)
    return shown.decode()

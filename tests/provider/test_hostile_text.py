"""Every command of the provider, with hostile text in all that is stored and in all that it is given."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from model_sharing_provider.artifacts.layout import OF_VERSIONS
from model_sharing_provider.cli.main import cli
from model_sharing_provider.serving.logs import set_up_logging
from model_sharing_provider.telemetry.log import log
from support.hostile_input.stored_text import store_everywhere
from support.hostile_input.terminal_text import (
    HOSTILE,
    IN_JSON,
    SHOWN,
    all_commands,
    all_groups,
    has_json,
    hostile_calls,
    split_calls,
    unsafe_in,
)
from support.model_folder import write_model
from support.provider_cli import CliResult, CliRunner

MODEL = "prod.ml_team.iris_model"
STORY = """
catalog create prod
schema create prod.ml_team
model register ./m prod.ml_team.iris_model --alias Champion
model tag set prod.ml_team.iris_model stage test
share create acme
share add-model acme prod.ml_team.iris_model
recipient create globex
share grant acme globex
principal create ann
principal create crew --type group
principal token create ann
grant add model prod.ml_team.iris_model ann EXECUTE
share set-terms acme terms.txt --version 1 --yes
provider add vendor vendor.share
"""
VENDOR = '{"shareCredentialsVersion": 1, "endpoint": "http://127.0.0.1:9", "bearerToken": "t"}'
OF_CREW = "--name ci --issuer https://i.example --subject bob --audience a --groups-claim groups --group crew"
# Commands as they are called well after that story, where the example in their help would not do, or changes
# what others need; what deletes comes last.
CALLS = f"""
audit export --parquet events.parquet
catalog create lab
completion bash
doctor
catalog update prod --comment new
gc --dry-run
grant add model {MODEL} ann APPLY_TAG
grant list model {MODEL}
grant remove model {MODEL} ann APPLY_TAG
key rotate
metastore backup copies
metastore compact
metastore migrate
metastore restored
metastore compact
metastore migrate
model alias set {MODEL} Second 1
model alias delete {MODEL} Second --yes
model copy {MODEL} 1 prod.ml_team.copied
model create prod.ml_team.planned
model register ./m {MODEL}
model recall {MODEL} 1 --reason new --replace-with 2 --yes
model recall {MODEL} 1 --undo
model rename prod.ml_team.planned prod.ml_team.renamed
model tag set {MODEL} other value
model tag delete {MODEL} other
model update {MODEL} --comment new
model set-terms {MODEL} terms.txt --version 1 --yes
model terms {MODEL}
model clear-terms {MODEL}
principal add-member crew ann
principal create bob
principal show ann
principal remove-member crew ann
principal token create ann
principal token list ann
provider show vendor
recipient create initech
recipient create hooli --oidc-federation
recipient federation-policy create hooli --name jobs --issuer https://i.example --subject job --audience a
recipient federation-policy get hooli jobs
recipient federation-policy list hooli
recipient federation-policy delete hooli jobs
recipient rotate-token globex
recipient update globex --comment new
schema create prod.lab
schema update prod.ml_team --comment new
secrets create secrets
secrets list
secrets rotate
share add-schema acme prod.lab
share create other
share show acme
share set-terms acme terms.txt --version 1 --yes
share terms acme --history
share clear-terms acme
share update acme --comment new
share remove acme lab
share grant other globex
share revoke other globex
share add-model other {MODEL}
provider add second vendor.share
provider create third --profile vendor.share
provider update third --profile vendor.share --comment new
audit prune --older-than 400d
share delete other --yes
provider delete second
recipient delete initech --yes
principal federation-policy create bob {OF_CREW}
principal federation-policy list bob
principal federation-policy get bob ci
principal federation-policy update bob ci --comment new
principal federation-policy delete bob ci
principal deactivate bob
principal activate bob
principal delete bob
model delete prod.ml_team.renamed --yes
schema delete prod.lab
catalog delete lab
"""
# What cannot be done here, or would not end; it still takes text, and says why not.
FAILING_CALLS = """
key retire sha256:0
jobs show nothing
jobs cancel nothing
share add-table acme file:///nowhere/flowers training.flowers
share add-skill acme file:///nowhere/read-pdf agents.read-pdf
share add-volume acme file:///nowhere/prompts training.prompts
metastore copy --to mysql://nowhere
metastore restore copies
model import scorer --from http://127.0.0.1:9 --schema prod.ml_team
key start-over
principal token delete ann nothing
principal token revoke ann nothing
recipient token revoke globex nothing
provider shares vendor
provider terms vendor acme
catalog sync prod
catalog terms prod
catalog accept-terms prod sha256:0
catalog pull prod
model signature prod.ml_team.iris_model 1
serve --tls-key without-certificate
"""
SHOWING = {"audit list", "catalog list", "fsck", "lineage", "model show", "model search", "provider list"}
SHOWING |= {"principal show", "recipient list", "schema list", "settings show", "share list", "share show"}
SHOWING |= {"recipient acceptances", "share terms"}


@pytest.fixture
def run(
    provider_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CliRunner:
    """Commands on a home where each text is hostile, up to the names of strange files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_SERVE_HOST", HOSTILE)
    run = CliRunner(provider_home, monkeypatch, capsys)
    write_model(tmp_path / "m")
    (tmp_path / "vendor.share").write_text(VENDOR)
    (tmp_path / "terms.txt").write_text("Be nice.")
    for line in STORY.strip().splitlines():
        run.succeed(*line.split())
    with closing(sqlite3.connect(provider_home / "metastore.db")) as rows:
        version = rows.execute("SELECT id FROM model_versions").fetchone()[0]
        payload = json.dumps({"job": HOSTILE}, ensure_ascii=False)
        rows.execute("INSERT INTO lineage VALUES ('l', ?, 'upstream', ?, 0, '')", (version, payload))
        accepted = "SELECT r.id, t.digest, '', '', 0, '' FROM recipients r, terms_texts t"
        rows.execute(f"INSERT INTO terms_acceptances {accepted}")
        rows.commit()
    store_everywhere(provider_home / "metastore.db", HOSTILE)
    (provider_home / "artifacts" / OF_VERSIONS[0] / HOSTILE).write_text("nothing of ours")
    return run


def _check(done: CliResult, call: list[str]) -> None:
    assert unsafe_in(done.out + done.err) == set(), call
    assert "Traceback" not in done.err, call


def test_what_is_stored_cannot_command_a_terminal(run: CliRunner) -> None:
    commands = all_commands(cli)
    people, machines = set(), set()
    for words, given in split_calls(cli, CALLS + FAILING_CALLS):
        call = [*words.split(), *given]
        done = run(*call)
        _check(done, call)
        assert (done.code != 0) == (words in FAILING_CALLS), (call, done.err)
        people |= {words} if SHOWN in done.out + done.err else set()
        if has_json(commands[words]) and words in SHOWING:
            done = run.succeed(*call, "--output", "json")
            _check(done, call)
            machines |= {words} if done.json and IN_JSON in done.out else set()
    assert people >= SHOWING
    assert machines == SHOWING


def test_what_is_given_cannot_command_a_terminal(run: CliRunner) -> None:
    for group in all_groups(cli):
        _check(run(*group.split(), HOSTILE), [group])
    _check(run("--config", HOSTILE, "settings", "show"), ["--config"])
    for kind in ("catalog", "schema"):
        asked = run(kind, "delete", HOSTILE, "--force", typed="n\n")
        _check(asked, [kind, "delete"])
        assert SHOWN in asked.err
    for words, given in split_calls(cli, FAILING_CALLS + CALLS):
        for call in hostile_calls(words, all_commands(cli)[words], given):
            done = run(*call, typed="n\n")
            _check(done, call)
            assert done.code == 0 or done.err.count("\n") <= 3, (call, done.err)


def test_a_terminal_is_safe_too(run: CliRunner, provider_home: Path) -> None:
    """On a terminal a table is drawn by another way than for a pipe."""
    program = str(Path(sys.executable).parent / "model-sharing-provider")
    reads, writes = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "2000"}
    with os.fdopen(reads, "rb") as terminal:
        done = subprocess.run(
            [program, "model", "search"], stdout=writes, stderr=writes, env=environment, check=False
        )
        os.close(writes)
        said = os.read(terminal.fileno(), 65536).decode().replace("\r\n", "\n")
    assert done.returncode == 0
    assert r"\x1b]0;" in said
    assert unsafe_in(said) == set()


@pytest.mark.parametrize("on_a_terminal", [True, False])
def test_what_a_server_logs_cannot_command_a_terminal(
    monkeypatch: pytest.MonkeyPatch, on_a_terminal: bool
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: on_a_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    set_up_logging("info")
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception(HOSTILE, path=HOSTILE, paths=[HOSTILE], error=ValueError(HOSTILE))
    colours = r"\x1b\[\d*m|\x1b\[\d+;\d+m" if on_a_terminal else "(?!)"
    said = re.sub(colours, "", screen.getvalue())
    assert "owned" in said
    assert unsafe_in(said) == set()
    assert said.count("\n") == 1 or on_a_terminal

"""The provider's command line, as a user and as a script meet it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_sharing_provider.domain.audit_actions import AuditAction
from model_sharing_provider.http.urls import ACTIVATION_PATH
from support.model_folder import write_model
from support.network.ports import default_port
from support.patience import PATIENCE
from support.provider_cli import CliRunner

PROGRAM = str(Path(sys.executable).parent / "model-sharing-provider")
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(provider_home: Path, tmp_path: Path) -> Program:
    """Command line as a process of its own, for what listens or ends before there is a command line."""

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            env={**os.environ, "MODEL_SHARING_PROVIDER_HOME": str(provider_home)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return command


@pytest.fixture
def serving(provider_home: Path) -> Iterator[str]:
    """A server on this test's home; its URL."""
    environment = {**os.environ, "MODEL_SHARING_PROVIDER_HOME": str(provider_home)}
    with subprocess.Popen(
        [PROGRAM, "serve", "--port", "0"], env=environment, stderr=subprocess.DEVNULL
    ) as server:
        address = provider_home / "server.url"
        while not address.exists() and server.poll() is None:
            time.sleep(0.05)
        yield address.read_text()
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=PATIENCE) == 0


def test_the_story_without_a_server(provider_cli: CliRunner, provider_home: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "iris_model")
    first = provider_cli("catalog", "create", "prod")
    assert f"created the provider's home in {provider_home}" in first.err
    token = provider_home / "admin.token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(provider_home.stat().st_mode) == 0o700
    name = "prod.ml_team.iris_model"
    story = [
        ("schema", "create", "prod.ml_team"),
        ("model", "register", "./iris_model", name, "--alias", "Champion", "--comment", "first"),
        ("model", "register", "./iris_model", name),
        ("model", "alias", "set", name, "Champion", "2"),
        ("share", "create", "acme_share"),
        ("share", "add-model", "acme_share", name, "--as", "ml_team.iris_model"),
        ("share", "add-schema", "acme_share", "prod.ml_team"),
    ]
    for command in story:
        provider_cli.succeed(*command)
    created = provider_cli("recipient", "create", "globex", "--expires-in", "90d")
    assert created.out.startswith("http://127.0.0.1:8642/explorer/activate/")
    assert created.out.count("\n") == 1
    assert provider_cli("share", "grant", "acme_share", "globex").code == 0
    assert provider_cli("recipient", "rotate-token", "globex", "--existing-expires-in", "24h").code == 0
    shown = provider_cli("model", "show", name, "--output", "json").json
    assert (shown["full_name"], shown["aliases"]) == (name, {"Champion": 2})
    version = shown["versions"][0]
    assert (version["version"], version["status"], version["comment"]) == (1, "READY", "first")
    assert version["digest"].startswith("sha256:")
    assert {"size", "num_files", "aliases", "created_at"} <= version.keys()
    share = provider_cli("share", "show", "acme_share", "--output", "json").json
    assert [item["shared_as"] for item in share["objects"]] == ["ml_team", "ml_team.iris_model"]
    assert [grant["recipient"] for grant in share["grants"]] == ["globex"]
    assert provider_cli("share", "revoke", "acme_share", "globex").code == 0
    log = provider_cli("audit", "list", "--output", "json").json
    assert log[0]["action"] == AuditAction.UPDATE_SHARE_PERMISSIONS
    assert {event["principal"] for event in log} == {"admin"}


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("share", "show", "nothing"), 4, "does not exist"),
        (("catalog", "create", "a.b"), 2, "contains '.'"),
        (("model", "register", "./nowhere", "prod.a.b"), 4, "schema create prod.a"),
        (("recipient", "create", "globex", "--expires-in", "soon"), 2, "90d"),
        (("recipient", "create", "globex", "--expires-in", "400d"), 2, "365 days"),
        (("no-such-command",), 2, "No such command"),
        (("serve", "--port", "70000"), 2, "70000"),
    ],
)
def test_errors_are_one_line_with_a_code(
    provider_cli: CliRunner, command: tuple[str, ...], code: int, says: str
) -> None:
    done = provider_cli(*command)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("group", [(), ("share",)])
def test_a_group_without_a_command_shows_its_help(provider_cli: CliRunner, group: tuple[str, ...]) -> None:
    done = provider_cli(*group)
    assert (done.code, done.out) == (2, "")
    assert done.err == provider_cli.succeed(*group, "--help").out


def test_beside_a_running_server(provider_cli: CliRunner, program: Program, serving: str) -> None:
    provider_cli("share", "create", "acme_share")
    link = provider_cli("recipient", "create", "globex").out.strip()
    assert link.startswith(serving)
    assert provider_cli("share", "list", "--output", "json").json[0]["name"] == "acme_share"
    port = serving.rpartition(":")[2]
    taken = program("serve", "--port", port)
    assert (taken.returncode, "Traceback" in taken.stderr) == (16, False)
    assert f"Port {port} on 127.0.0.1 is taken" in taken.stderr


def test_an_address_that_is_not_ours(program: Program) -> None:
    done = program("serve", "--host", "192.0.2.1", "--port", "0")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "Cannot listen on 192.0.2.1" in done.stderr


def test_a_home_that_cannot_be_made(tmp_path: Path, program: Program, provider_home: Path) -> None:
    provider_home.write_text("a file where the home should be")
    done = program("share", "list")
    assert done.returncode != 0
    assert str(provider_home) in done.stderr
    assert "Traceback" not in done.stderr


def test_deleting_goes_from_the_leaves_to_the_root(
    provider_cli: CliRunner, tmp_path: Path, provider_home: Path
) -> None:
    write_model(tmp_path / "iris_model")
    provider_cli("catalog", "create", "prod")
    provider_cli("schema", "create", "prod.ml_team")
    for _ in range(2):
        provider_cli("model", "register", "./iris_model", "prod.ml_team.iris_model")
    assert provider_cli("schema", "delete", "prod.ml_team").code == 19
    assert provider_cli("model", "delete", "prod.ml_team.iris_model").code == 2  # nobody to confirm
    assert provider_cli("model", "delete", "prod.ml_team.iris_model", "--version", "1", "--yes").code == 0
    shown = provider_cli("model", "show", "prod.ml_team.iris_model", "--output", "json").json
    assert [version["version"] for version in shown["versions"]] == [2]
    for command in (
        ("model", "delete", "prod.ml_team.iris_model", "--yes"),
        ("schema", "delete", "prod.ml_team"),
        ("catalog", "delete", "prod"),
    ):
        assert provider_cli(*command).code == 0
    assert not [path for path in (provider_home / "artifacts").rglob("*") if path.is_file()]


def test_without_the_extra_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['cachetools'] = None; from model_sharing_provider.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (22, False)
    assert "pip install 'model-sharing[provider]'" in done.stderr


def test_the_default_port_is_the_documented_one(program: Program) -> None:
    with default_port() as port, socket.socket() as blocker:
        blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            blocker.bind(("127.0.0.1", port))
            blocker.listen()
        except OSError:
            pass  # somebody else holds it, which serves as well
        done = program("serve")
    assert (done.returncode, "8642" in done.stderr) == (16, True)


def test_a_link_leads_to_the_api_where_there_are_no_pages(
    provider_cli: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_SERVE_UI", "no")
    created = provider_cli.succeed("recipient", "create", "globex", "--output", "json")
    assert f"8642{ACTIVATION_PATH}/" in json.loads(created.out)["activation_url"]

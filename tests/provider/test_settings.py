"""Settings: from the environment, from a file, and told to a command; what holds can be looked up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_sharing_protocol.errors import InvalidParameter
from model_sharing_provider.configuration.settings import Settings
from model_sharing_provider.configuration.sources import read_settings
from support.provider_cli import CliRunner

FILE = """
home = "/srv/acme"
database_url = "postgresql://ann:pass-word@db.acme.example/models?sslpassword=pass-word"
external_locations = ["s3://lake/models", "file:///srv/models"]
max_shares = 7
serve_port = 9000
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model-sharing.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("MODEL_SHARING_")]:
        monkeypatch.delenv(variable)


def test_the_environment_wins_over_the_file_and_the_file_over_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_MAX_SHARES", "8")
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_HOME", "")
    read = read_settings(file)
    assert (read.max_shares, read.home, read.port) == (8, Path("/srv/acme"), 9000)
    assert read.external_locations == ("s3://lake/models", "file:///srv/models")
    assert (read.public_url, read.max_recipients) == ("", Settings().max_recipients)
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_CONFIG", str(file))
    assert read_settings() == read


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("database_ulr = 'x'", "'database_ulr', which is not a setting; the nearest is 'database_url'"),
        ("[serve]\nport = 1", "'serve', which is not a setting; the nearest is 'serve_"),
        ("max_shares = true", "max_shares in .* is 'True'; it must be a whole number"),
        ("public_url = 'acme.example'", "public_url in .* is 'acme.example'; it must be an http"),
        ("log = ['debug', 'info']", "log in .* must be debug, info, warning or error"),
        ("serve_port = 65536", "serve_port in .* must be a whole number from 0 to 65535"),
        ("log = ", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_the_place(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(line)
    with pytest.raises(InvalidParameter, match=said.replace(" must", ".* must")):
        read_settings(path)


def test_a_former_name_is_read_where_the_present_one_is_unset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_SHARING_HOME", "/srv/recipient")
    monkeypatch.setenv("MODEL_SHARING_PUBLIC_URL", "https://former.example")
    assert (read_settings().public_url, read_settings().home) == ("https://former.example", Settings().home)
    command = CliRunner(tmp_path / "home", monkeypatch, capsys)
    shown = {each["setting"]: each for each in command.succeed("settings", "show", "--output", "json").json}
    source = shown["MODEL_SHARING_PROVIDER_PUBLIC_URL"]["source"]
    assert source == "environment (MODEL_SHARING_PUBLIC_URL)"
    (finding,) = [
        each for each in command.succeed("doctor", "--output", "json").json if each["check"] == "settings"
    ]
    assert finding["status"] == "warning"
    assert "MODEL_SHARING_PUBLIC_URL is called MODEL_SHARING_PROVIDER_PUBLIC_URL now" in finding["detail"]
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_PUBLIC_URL", "https://present.example")
    assert read_settings().public_url == "https://present.example"
    (tmp_path / "former.toml").write_text('provider_home = "/srv/former"')
    monkeypatch.delenv("MODEL_SHARING_PROVIDER_HOME")
    monkeypatch.setenv("MODEL_SHARING_CONFIG", str(tmp_path / "former.toml"))
    assert read_settings().home == Path("/srv/former")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"nowhere\.toml cannot be read: No such file"):
        read_settings(tmp_path / "nowhere.toml")


def test_what_holds_is_shown_with_its_place_and_without_a_secret(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = CliRunner(tmp_path / "home", monkeypatch, capsys)
    done = command.succeed("--config", str(file), "settings", "show", "--output", "json")
    shown = {each["setting"]: (each["value"], each["source"]) for each in done.json}
    assert shown["MODEL_SHARING_PROVIDER_HOME"] == (str(tmp_path / "home"), "environment")
    assert shown["MODEL_SHARING_PROVIDER_DATABASE_URL"] == ("postgresql://db.acme.example/models", str(file))
    assert shown["MODEL_SHARING_PROVIDER_SERVE_PORT"] == (9000, str(file))
    assert shown["MODEL_SHARING_PROVIDER_LOG"] == ("info", "default")
    assert "pass-word" not in done.out + done.err + repr(read_settings(file))
    assert not (tmp_path / "home").exists()


def test_an_option_that_cannot_be_right_is_refused_as_its_setting_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner(tmp_path / "home", monkeypatch, capsys)("serve", "--port", "many")
    assert (done.code, done.out) == (2, "")
    assert "--port is 'many'; it must be a whole number from 0 to 65535" in done.err

"""Findings of `model-sharing-provider doctor`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.network.certificates import self_signed_certificate
from support.processes.provider import ProviderProcess
from support.provider_cli import CliRunner

Doctor = Callable[[], tuple[int, dict[str, tuple[str, str]]]]


@pytest.fixture
def run(
    provider_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CliRunner:
    """Commands on this test's home, where there was a first start."""
    command_line = CliRunner(provider_home, monkeypatch, capsys)
    command_line.succeed("share", "list")
    return command_line


@pytest.fixture
def doctor(run: CliRunner) -> Doctor:
    """Run it; the exit code, and the status and detail of each check."""

    def diagnose() -> tuple[int, dict[str, tuple[str, str]]]:
        done = run("doctor", "--output", "json")
        found: list[dict[str, Any]] = done.json
        return done.code, {each["check"]: (each["status"], each["detail"]) for each in found}

    return diagnose


def test_all_is_well(doctor: Doctor, run: CliRunner) -> None:
    code, found = doctor()
    assert code == 0
    assert {status for status, _ in found.values()} == {"ok"}
    checks = {"versions", "home", "home: locks", "home: space", "secrets", "signing keys", "database"}
    assert checks | {"artifacts", "key", "time", "TLS", "public URL"} <= set(found)
    assert "none failed, no warnings" in run.succeed("doctor").err


def test_looking_makes_no_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = CliRunner(tmp_path / "none", monkeypatch, capsys)
    assert "the first start creates it" in run.succeed("doctor").out
    assert not (tmp_path / "none").exists()


def test_secrets_that_are_open_or_gone(doctor: Doctor, provider_home: Path) -> None:
    (provider_home / "secrets.json").chmod(0o644)
    code, found = doctor()
    assert (code, found["secrets"][0]) == (0, "warning")
    (provider_home / "secrets.json").unlink()
    code, found = doctor()
    assert (code, found["secrets"][0], found["database, secrets and artifacts"][0]) == (
        19,
        "failed",
        "failed",
    )
    assert not (provider_home / "secrets.json").exists()


def test_artifacts_that_are_no_folder(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_ARTIFACT_ROOT", (tmp_path / "file").as_uri())
    code, found = doctor()
    assert (code, found["database, secrets and artifacts"][0]) == (19, "failed")


def test_a_database_that_is_none(doctor: Doctor, provider_home: Path) -> None:
    (provider_home / "metastore.db").write_text("a text")
    code, found = doctor()
    assert (code != 0, found["database, secrets and artifacts"][0]) == (True, "failed")


def test_a_clock_that_was_set_back(doctor: Doctor, provider_home: Path) -> None:
    with closing(sqlite3.connect(provider_home / "metastore.db")) as rows, rows:
        rows.execute("UPDATE audit_log SET at = at + 86400000")
    code, found = doctor()
    assert (code, found["time"][0]) == (19, "failed")


def test_a_certificate_that_cannot_be_used(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_SERVE_TLS_CERTIFICATE", str(tmp_path / "none.pem"))
    code, found = doctor()
    assert (code, found["TLS"][0]) == (2, "failed")
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_SERVE_TLS_CERTIFICATE", str(self_signed_certificate(tmp_path)))
    _, found = doctor()
    assert found["TLS"][1].startswith("The certificate")


def test_a_public_url(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_PUBLIC_URL", "http://192.0.2.1:9")
    monkeypatch.setattr("model_sharing_provider.cli.doctor_checks._ANSWERS_WITHIN_SECONDS", 0.2)
    code, found = doctor()
    assert (code, found["public URL"][0], found["server"][0]) == (0, "warning", "warning")


def test_a_server_that_answers(doctor: Doctor, provider_home: Path) -> None:
    with ProviderProcess(provider_home):
        _, found = doctor()
    assert found["server"][0] == "ok"


def test_a_setting_that_cannot_be(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SHARING_PROVIDER_SERVE_PORT", "many")
    code, found = doctor()
    assert (code, found["settings"][0]) == (2, "failed")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SIGN_IN_ISSUER", "https://login.acme.example", "SIGN_IN_CLIENT_ID is not"),
        ("TEMPORARY_CREDENTIALS", "r2", "r2 need CLOUDFLARE_ACCOUNT_ID"),
    ],
)
def test_settings_that_would_end_the_start_of_a_server(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv(f"MODEL_SHARING_PROVIDER_{variable}", value)
    code, found = doctor()
    assert code == 2
    assert any(said in detail for _, detail in found.values())

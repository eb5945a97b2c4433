"""Findings of `model-sharing doctor`: each fault is one, made on purpose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import model_sharing
from support.fake_provider.faults import answer_status
from support.fake_provider.server import TOKEN, FakeProvider, Handler
from support.recipient_cli import RunCli

Doctor = Callable[[], tuple[int, dict[str, tuple[str, str]]]]


@pytest.fixture
def doctor(run_cli: RunCli) -> Doctor:
    """Run it; the exit code, and the status and detail of each check."""

    def run() -> tuple[int, dict[str, tuple[str, str]]]:
        done = run_cli("doctor", "--output", "json")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return done.returncode, {each["check"]: (each["status"], each["detail"]) for each in found}

    return run


def test_all_is_well(vendor: model_sharing.Catalog, profile: Path, doctor: Doctor, run_cli: RunCli) -> None:
    profile.chmod(0o600)
    code, found = doctor()
    assert code == 0
    assert {status for status, _ in found.values()} == {"ok"}
    assert {"versions", "proxies", "home", "home: locks", "cache: space", "mount vendor: clock"} <= set(found)
    assert vendor.mount.key_fingerprint in found["mount vendor: key"][1]
    table = run_cli("doctor")
    assert "mount vendor: provider" in table.stdout
    assert "none failed, no warnings" in table.stderr


def test_nothing_mounted_yet(doctor: Doctor) -> None:
    code, found = doctor()
    assert (code, found["mounts"][0]) == (0, "ok")
    assert "model-sharing mount" in found["mounts"][1]


def test_a_provider_that_is_gone(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, doctor: Doctor
) -> None:
    fake_provider.stop()
    started = time.monotonic()
    code, found = doctor()
    assert time.monotonic() - started < 30, "it waits as long as MODEL_SHARING_RETRY_FOR says"
    assert (code, found["mount vendor: provider"][0]) == (8, "failed")
    assert "mount vendor: key" not in found


def test_a_token_that_ends(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, profile: Path, doctor: Doctor
) -> None:
    def ending(days: int) -> tuple[int, str]:
        moment = datetime.now(UTC) + timedelta(days=days)
        profile.write_bytes(fake_provider.profile(expirationTime=moment.isoformat()))
        code, found = doctor()
        return code, found["mount vendor: token"][0]

    assert ending(-1) == (7, "failed")
    assert ending(3) == (0, "warning")
    assert ending(30) == (0, "ok")


def test_a_token_that_is_not_accepted(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, profile: Path, doctor: Doctor
) -> None:
    profile.write_bytes(fake_provider.profile(bearerToken="msh_another"))
    code, found = doctor()
    assert (code, found["mount vendor: provider"][0]) == (3, "failed")


def test_a_profile_that_is_gone_or_open(vendor: model_sharing.Catalog, profile: Path, doctor: Doctor) -> None:
    profile.chmod(0o644)
    code, found = doctor()
    assert (code, found["mount vendor: profile"][0]) == (0, "warning")
    profile.unlink()
    code, found = doctor()
    assert (code, found["mount vendor: profile"][0]) == (12, "failed")


@pytest.mark.parametrize(
    ("hours", "status", "code"), [(0.5, "warning", 0), (-0.5, "warning", 0), (3, "failed", 19)]
)
def test_a_clock_that_is_off(
    vendor: model_sharing.Catalog,
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    hours: float,
    status: str,
    code: int,
) -> None:
    theirs = Handler.date_time_string

    def shifted(handler: Handler, timestamp: float | None = None) -> str:
        return theirs(handler, (timestamp or time.time()) + hours * 3600)

    monkeypatch.setattr(Handler, "date_time_string", shifted)
    ended, found = doctor()
    assert (ended, found["mount vendor: clock"][0]) == (code, status)


def test_a_key_that_nobody_vouches_for(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, doctor: Doctor
) -> None:
    fake_provider.rotate(endorsed=False)
    code, found = doctor()
    assert (code, found["mount vendor: key"][0]) == (23, "failed")


def test_a_home_that_is_a_file(home: Path, doctor: Doctor) -> None:
    home.write_text("a file")
    code, found = doctor()
    assert (code, found["home"][0]) == (19, "failed")


def test_proxies_are_named_without_their_passwords(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:secret@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost")
    _, found = doctor()
    assert found["proxies"][1] == "https_proxy=http://…@proxy.example:3128, no_proxy=localhost"


def test_a_setting_that_cannot_be(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_SHARING_JOBS", "many")
    code, found = doctor()
    assert (code, found["settings and mounts"][0]) == (2, "failed")


def test_authorities_that_are_not_there(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    code, found = doctor()
    assert (code, found["SSL_CERT_FILE"][0]) == (19, "failed")


def test_locks_that_keep_nobody_out(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks as on some network disks."""
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    code, found = doctor()
    assert (code, found["cache: locks"][0]) == (19, "failed")


def test_it_tells_no_secret(
    vendor: model_sharing.Catalog, fake_provider: FakeProvider, run_cli: RunCli
) -> None:
    for fault in (None, answer_status(500)):
        fake_provider.default_fault = fault
        done = run_cli("doctor")
        assert TOKEN not in done.stdout + done.stderr

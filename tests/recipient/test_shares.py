"""Seeing what one was given, and mounting it: by name, or as the only share; from a file or without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import model_sharing
from model_sharing_protocol.errors import InvalidParameter, InvalidProfile, MountExists, NotFound
from support.fake_provider.faults import always
from support.fake_provider.models import SHARE
from support.fake_provider.server import TOKEN, FakeProvider
from support.recipient_cli import RunCli

PROFILE_VARIABLE = "MODEL_SHARING_PROFILE"


@pytest.fixture
def several(fake_provider: FakeProvider) -> FakeProvider:
    fake_provider.shares = ["b_share", SHARE]
    return fake_provider


def test_recipients_see_what_they_were_given(several: FakeProvider, profile: Path, run_cli: RunCli) -> None:
    assert model_sharing.list_shares(profile) == [SHARE, "b_share"]
    model_sharing.mount(profile, share="B_Share", name="vendor")
    listed = json.loads(run_cli("shares", profile, "--output", "json").stdout)
    assert listed == [{"name": SHARE, "mounted_as": []}, {"name": "b_share", "mounted_as": ["vendor"]}]
    table = run_cli("shares", profile).stdout.splitlines()
    assert [line.split() for line in table[1:]] == [[SHARE], ["b_share", "vendor"]]


def test_nothing_shared_yet(fake_provider: FakeProvider, profile: Path, run_cli: RunCli) -> None:
    fake_provider.shares = []
    assert "Ask the provider" in run_cli("shares", profile).stderr
    assert run_cli("shares", profile, "--output", "json").stdout == "[]\n"
    with pytest.raises(NotFound, match="shares nothing with you yet"):
        model_sharing.mount(profile)


def test_the_only_share_is_mounted_under_its_own_name(
    fake_provider: FakeProvider, profile: Path, run_cli: RunCli
) -> None:
    done = run_cli("mount", profile)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Mounted {SHARE} from {fake_provider.endpoint} as {SHARE}." in done.stdout
    assert model_sharing.mount(profile, name="other").mount.share == SHARE
    assert model_sharing.mount(profile, share=SHARE.upper()).name == SHARE


def test_of_several_one_has_to_be_named(
    several: FakeProvider, profile: Path, run_cli: RunCli, home: Path
) -> None:
    done = run_cli("mount", profile, "--as", "vendor")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"say which: {SHARE}, b_share." in done.stderr
    assert not list((home / "mounts").glob("*.json"))


def test_a_wrong_name_lists_those_there_are(several: FakeProvider, profile: Path) -> None:
    with pytest.raises(NotFound, match=rf"'acme'.*It shares: {SHARE}, b_share\. .*ask the provider"):
        model_sharing.mount(profile, share="acme", name="vendor")
    several.shares = [f"share_{number:02}" for number in range(30)]
    with pytest.raises(NotFound, match="share_19 and 10 more"):
        model_sharing.mount(profile, share="acme", name="vendor")


def test_a_provider_that_lists_no_shares_hides_nothing_else(
    fake_provider: FakeProvider, profile: Path
) -> None:
    model_sharing.mount(profile, share=SHARE, name="vendor")
    fake_provider.answer = always(
        lambda handler: handler.send_error_answer(404, "RESOURCE_DOES_NOT_EXIST", "Nothing.")
    )
    with pytest.raises(NotFound, match="shares nothing called 'acme'"):
        model_sharing.mount(profile, share="acme", name="other")


def test_shares_with_impossible_names_are_left_out(fake_provider: FakeProvider, profile: Path) -> None:
    fake_provider.shares = ["../evil", "a.b", SHARE]
    with pytest.warns(model_sharing.InvalidItemWarning):
        assert model_sharing.list_shares(profile) == [SHARE]


@pytest.mark.parametrize("form", ["path", "json", "pretty"])
def test_a_profile_from_the_environment(
    fake_provider: FakeProvider,
    profile: Path,
    run_cli: RunCli,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
) -> None:
    text = profile.read_text()
    forms = {
        "path": str(profile),
        "json": text,
        "pretty": "\n" + json.dumps(json.loads(text), indent=2) + "\n",
    }
    monkeypatch.setenv(PROFILE_VARIABLE, forms[form])
    assert model_sharing.list_shares() == [SHARE]
    assert SHARE in run_cli("shares").stdout
    assert run_cli("mount").returncode == 0
    assert run_cli("mount", SHARE, "--as", "vendor").returncode == 0
    monkeypatch.delenv(PROFILE_VARIABLE)
    assert run_cli("list", "vendor").returncode == 0


def test_a_file_that_is_named_wins_over_the_environment(
    fake_provider: FakeProvider, profile: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROFILE_VARIABLE, "/nowhere.share")
    assert run_cli("mount", "globex.share").returncode == 0
    missing = run_cli("mount", "initech.share")
    assert (missing.returncode, "initech.share cannot be read" in missing.stderr) == (12, True)


def test_a_profile_from_standard_input_is_kept_private_until_unmounted(
    fake_provider: FakeProvider, run_cli: RunCli, home: Path
) -> None:
    done = run_cli("mount", "-", "--as", "vendor", typed=fake_provider.profile())
    assert (done.returncode, done.stderr) == (0, "")
    kept = home / "profiles" / "vendor.share"
    assert f"kept in {kept}" in done.stdout
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert SHARE in run_cli("shares", "-", typed=fake_provider.profile()).stdout
    assert run_cli("list", "vendor").returncode == 0
    assert TOKEN not in (home / "mounts" / "vendor.json").read_text() + done.stdout
    assert run_cli("unmount", "vendor").returncode == 0
    assert not kept.exists()


def test_mounting_again_renews_a_kept_profile_and_nothing_else(
    fake_provider: FakeProvider, home: Path
) -> None:
    old = fake_provider.profile(bearerToken="msh_old").decode()
    kept = home / "profiles" / "vendor.share"
    first = model_sharing.mount(fake_provider.profile().decode(), name="vendor").mount
    kept.write_text(old)
    assert model_sharing.mount(fake_provider.profile().decode(), name="vendor").mount == first
    assert kept.read_bytes() == fake_provider.profile()
    with pytest.raises(MountExists):
        model_sharing.mount(
            fake_provider.profile(shareCredentialsVersion=1).decode() + " ",
            name="vendor",
            trust_remote_code=True,
        )
    assert kept.read_bytes() == fake_provider.profile()


def test_unmounting_leaves_the_users_own_file(fake_provider: FakeProvider, profile: Path) -> None:
    model_sharing.mount(profile, name="vendor")
    model_sharing.unmount("vendor")
    assert profile.exists()


@pytest.mark.parametrize(
    "value",
    [
        f'"{TOKEN}"',
        TOKEN,
        f'\'{{"bearerToken": "{TOKEN}"}}\'',
        f'{{"shareCredentialsVersion": 1, "bearerToken": "{TOKEN}"',
        f'{{"shareCredentialsVersion": 1, "bearerToken": "{TOKEN}"}}',
        f"[{TOKEN}]" * 2000,
    ],
)
def test_what_is_no_profile_is_said_without_the_secret(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(PROFILE_VARIABLE, value)
    from_environment = run_cli("shares")
    typed = run_cli("mount", "-", typed=value.encode())
    for done in (from_environment, typed):
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (12, "", 1)
        assert TOKEN not in done.stderr
    assert PROFILE_VARIABLE in from_environment.stderr
    assert "standard input" in typed.stderr


def test_no_profile_at_all(run_cli: RunCli) -> None:
    done = run_cli("mount")
    assert (done.returncode, PROFILE_VARIABLE in done.stderr) == (2, True)
    with pytest.raises(InvalidParameter, match=PROFILE_VARIABLE):
        model_sharing.list_shares()
    with pytest.raises(InvalidProfile):
        model_sharing.list_shares("nowhere.share")

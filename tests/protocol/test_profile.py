"""Profile files: what is read, what is refused, and that the secret stays one."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile import Profile, parse_profile, read_profile, write_profile

SECRET = "msh_verySecretToken"
FIELDS = {
    "shareCredentialsVersion": 1,
    "endpoint": "https://acme.example/delta-sharing",
    "bearerToken": SECRET,
}


def file_with(**changes: object) -> bytes:
    return json.dumps({**FIELDS, **changes}).encode()


def test_a_version_1_profile_round_trips() -> None:
    moment = datetime(2027, 2, 21, 9, 42, 38, 265_000, tzinfo=UTC)
    profile = Profile("https://acme.example/delta-sharing", SECRET, moment)
    assert parse_profile(profile.to_json()) == profile
    assert json.loads(profile.to_json())["expirationTime"] == "2027-02-21T09:42:38.265Z"


def test_a_trailing_slash_makes_no_other_endpoint() -> None:
    assert parse_profile(file_with(endpoint="https://acme.example/x/")).endpoint == "https://acme.example/x"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("oauth_client_credentials", {"tokenEndpoint": "https://t", "clientId": "i", "clientSecret": "s"}),
        (
            "oauth_jwt_bearer_private_key_jwt",
            {"tokenEndpoint": "https://t", "clientId": "i", "privateKey": "k"},
        ),
    ],
)
def test_version_2_profiles_are_read_by_their_type(kind: str, fields: dict[str, str]) -> None:
    profile = parse_profile(file_with(shareCredentialsVersion=2, type=kind, **fields))
    assert (profile.version, profile.kind, profile.oauth) == (2, kind, fields)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (file_with(shareCredentialsVersion=3), "shareCredentialsVersion 3"),
        (file_with(shareCredentialsVersion=True), "shareCredentialsVersion"),
        (file_with(shareCredentialsVersion=2, type="telepathy"), "unknown type"),
        (file_with(endpoint="ftp://acme.example"), "http or https"),
        (file_with(endpoint="https://"), "http or https"),
        (file_with(endpoint="https://host:99999"), "http or https"),
        (file_with(bearerToken=""), "no bearerToken"),
        (file_with(bearerToken=7), "no bearerToken"),
        (file_with(bearerToken="a\r\nX: y"), "cannot be sent"),
        (file_with(expirationTime="soon"), "ISO 8601"),
    ],
)
def test_an_unusable_profile_says_what_is_wrong_and_never_the_secret(data: bytes, says: str) -> None:
    with pytest.raises(InvalidProfile, match=says) as refusal:
        parse_profile(data, "The profile file globex.share")
    assert "globex.share" in refusal.value.message
    assert SECRET not in refusal.value.message


@given(st.binary(max_size=100))
def test_any_bytes_are_a_profile_or_a_clear_error(data: bytes) -> None:
    with pytest.raises(InvalidProfile):
        parse_profile(data)


def test_the_secret_is_not_in_the_repr() -> None:
    assert SECRET not in repr(parse_profile(file_with()))


def test_expiry() -> None:
    assert parse_profile(file_with(expirationTime="2020-01-01T00:00:00Z")).expired
    assert not parse_profile(file_with(expirationTime="2999-01-01T00:00:00+02:00")).expired
    assert not parse_profile(file_with()).expired


def test_a_written_profile_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "globex.share"
    write_profile(file_with(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_profile(path).bearer_token == SECRET
    assert [entry.name for entry in tmp_path.iterdir()] == ["globex.share"]


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidProfile, match=r"nowhere\.share"):
        read_profile(tmp_path / "nowhere.share")

"""Profile files: what providers issue, what recipients can read, and that the secret stays inside."""

from __future__ import annotations

import contextlib
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile import Profile, parse_profile, read_profile, write_profile
from model_sharing_protocol.profile_sign_in import ClientCredentials, PrivateKeyJwt, WorkloadIdentity

SECRET = "msh_THE-SECRET"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def version_1(**changed: Any) -> bytes:
    fields = {
        "shareCredentialsVersion": 1,
        "endpoint": "https://vendor.example/delta-sharing/",
        "bearerToken": SECRET,
        "expirationTime": "2030-01-02T03:04:05.678Z",
    }
    return json.dumps({**fields, **changed}).encode()


def test_a_version_1_profile_comes_back_as_it_was_issued() -> None:
    issued = Profile("https://vendor.example/delta-sharing", SECRET, datetime(2030, 1, 2, tzinfo=UTC))
    assert parse_profile(issued.to_json()) == issued
    assert json.loads(issued.to_json()) == {
        "shareCredentialsVersion": 1,
        "endpoint": "https://vendor.example/delta-sharing",
        "bearerToken": SECRET,
        "expirationTime": "2030-01-02T00:00:00.000Z",
    }


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_profile_that_an_editor_saved_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "globex.share"
    path.write_bytes(version_1().decode().replace(",", ",\r\n").encode(encoding))
    assert read_profile(path) == parse_profile(version_1())


def test_a_profile_knows_when_its_token_has_expired() -> None:
    now = datetime.now(UTC)
    assert Profile("https://x", SECRET, now - timedelta(seconds=1)).expired
    assert not Profile("https://x", SECRET, now + timedelta(minutes=1)).expired
    assert not Profile("https://x", SECRET).expired


def test_an_expiry_without_a_zone_is_in_utc() -> None:
    read = parse_profile(version_1(expirationTime="2030-01-02T03:04:05"))
    assert read.expires_at == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def version_2(kind: str, **fields: object) -> bytes:
    return json.dumps(
        {"shareCredentialsVersion": 2, "type": kind, "endpoint": "https://v", **fields}
    ).encode()


def test_client_credentials_are_read() -> None:
    fields = {"tokenEndpoint": "https://idp/token", "clientId": "c", "clientSecret": SECRET, "scope": "s"}
    profile = parse_profile(version_2("oauth_client_credentials", **fields))
    assert (profile.version, profile.kind) == (2, "oauth_client_credentials")
    assert profile.sign_in == ClientCredentials("https://idp/token", "c", SECRET, "s")
    assert SECRET not in repr(profile) + str(profile) + str(profile.sign_in)


PRIVATE_KEY = {"privateKeyFile": "client.pem", "keyId": "k", "algorithm": "ES256"}
AUTH = {"tokenEndpoint": "https://idp/token", "clientId": "c", "issuer": "https://idp", "audience": "a"}


def test_a_private_key_is_beside_the_profile_unless_its_path_is_absolute(tmp_path: Path) -> None:
    path = tmp_path / "p.share"
    data = version_2("oauth_jwt_bearer_private_key_jwt", auth={**AUTH, "privateKey": PRIVATE_KEY})
    path.write_bytes(data)
    assert read_profile(path).sign_in == PrivateKeyJwt(
        "https://idp/token", "c", "https://idp", tmp_path / "client.pem", "k", "ES256", "a"
    )
    with pytest.raises(InvalidProfile, match="absolute path"):
        parse_profile(data)


def test_workload_identities_are_read() -> None:
    fields = {"source": "token_file", "tokenFile": "/run/token", "audience": "acme"}
    profile = parse_profile(version_2("workload_identity", **fields))
    assert profile.sign_in == WorkloadIdentity("token_file", "acme", Path("/run/token"))
    exchanged = {"tokenEndpoint": "https://idp/token", "clientId": "c"}
    profile = parse_profile(version_2("workload_identity", source="azure", audience="a", **exchanged))
    assert profile.sign_in == WorkloadIdentity(
        "azure", "a", token_endpoint="https://idp/token", client_id="c"
    )


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (version_2("oauth_client_credentials", tokenEndpoint="ftp://x"), "tokenEndpoint"),
        (version_2("oauth_client_credentials", tokenEndpoint=f"https://me:{SECRET}@x"), "user name"),
        (version_2("oauth_client_credentials", tokenEndpoint="https://x", clientId="c"), "no clientSecret"),
        (version_2("oauth_jwt_bearer_private_key_jwt", **AUTH), "no object auth"),
        (version_2("oauth_jwt_bearer_private_key_jwt", auth=AUTH), "no object privateKey"),
        (
            version_2(
                "oauth_jwt_bearer_private_key_jwt",
                auth={**AUTH, "privateKey": {**PRIVATE_KEY, "algorithm": "none"}},
            ),
            "algorithm 'none'",
        ),
        (
            version_2(
                "oauth_jwt_bearer_private_key_jwt",
                auth={**AUTH, "privateKey": {**PRIVATE_KEY, "algorithm": "HS256"}},
            ),
            "algorithm 'HS256'",
        ),
        (version_2("workload_identity", source="aws", audience="a"), "source 'aws'"),
        (version_2("workload_identity", source="azure"), "no audience"),
        (version_2("workload_identity", source="token_file", audience="a"), "no tokenFile"),
    ],
)
def test_an_unusable_sign_in_is_refused_with_the_reason(data: bytes, word: str) -> None:
    with pytest.raises(InvalidProfile) as refused:
        parse_profile(data)
    assert word in refused.value.message
    assert SECRET not in refused.value.message


def test_version_2_knows_bearer_tokens_too() -> None:
    profile = parse_profile(version_1(shareCredentialsVersion=2, type="bearer_token"))
    assert (profile.version, profile.bearer_token) == (2, SECRET)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "not JSON"),
        (b"bearer " + SECRET.encode(), "not JSON"),
        (b'"\xff' + SECRET.encode() + b'"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (version_1(shareCredentialsVersion=3), "shareCredentialsVersion 3"),
        (version_1(shareCredentialsVersion=True), "shareCredentialsVersion True"),
        (version_1(shareCredentialsVersion=None), "shareCredentialsVersion None"),
        (version_1(shareCredentialsVersion=2, type="magic"), "unknown type 'magic'"),
        (version_1(shareCredentialsVersion=2, type=[]), "unknown type"),
        (version_1(endpoint="ftp://vendor"), "http or https"),
        (version_1(endpoint="https://[oops"), "http or https"),
        (version_1(endpoint=""), "no endpoint"),
        (version_1(bearerToken=""), "no bearerToken"),
        (version_1(bearerToken=7), "no bearerToken"),
        (version_1(bearerToken=SECRET + "\r\nX-Evil: 1"), "cannot be sent"),
        (version_1(bearerToken=SECRET + "é"), "cannot be sent"),
        (version_1(expirationTime="soon"), "ISO 8601"),
    ],
)
def test_an_unusable_profile_is_refused_with_the_reason_and_without_the_secret(
    data: bytes, word: str
) -> None:
    with pytest.raises(InvalidProfile) as refused:
        parse_profile(data, "The profile file p.share")
    assert word in refused.value.message
    assert "p.share" in refused.value.message
    assert SECRET not in refused.value.message


@given(
    st.fixed_dictionaries(
        {"shareCredentialsVersion": st.sampled_from([1, 2]) | JSON},
        optional=dict.fromkeys(("endpoint", "bearerToken", "expirationTime", "type", "scope"), JSON),
    )
)
def test_whatever_json_a_profile_holds_the_only_error_is_invalid_profile(fields: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidProfile):
        parse_profile(json.dumps({"endpoint": "https://v", **fields}).encode())


def test_the_secret_does_not_show_when_a_profile_is_printed() -> None:
    profile = parse_profile(version_1())
    assert SECRET not in repr(profile) + str(profile) + f"{[profile]}"


def test_a_profile_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "globex.share"
    write_profile(version_1(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_profile(path).bearer_token == SECRET
    write_profile(version_1(bearerToken="msh_another"), path)
    assert read_profile(path).bearer_token == "msh_another"
    assert [entry.name for entry in tmp_path.iterdir()] == ["globex.share"]


def test_a_profile_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "globex.share").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_profile(version_1(), tmp_path / "globex.share")
    assert [entry.name for entry in tmp_path.iterdir()] == ["globex.share"]


def test_a_missing_profile_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidProfile, match=r"nowhere\.share cannot be read"):
        read_profile(tmp_path / "nowhere.share")

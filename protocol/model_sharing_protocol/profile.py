"""Profile file: endpoint and credentials of a recipient at a provider (Delta Sharing profile file format).

Version 1 carries a bearer token, and is what our providers issue. Version 2 names its kind in `type`; its
OAuth kinds can be read, too. The secret never shows in a `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from model_sharing_protocol.atomic_files import write_file
from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.text_files import decode_text

_SCHEMES = frozenset({"http:", "https:"})
_OAUTH_FIELDS = {
    "oauth_client_credentials": ("tokenEndpoint", "clientId", "clientSecret"),
    "oauth_jwt_bearer_private_key_jwt": ("tokenEndpoint", "clientId", "privateKey"),
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a provider: its endpoint, and the credentials to authenticate with.

    `endpoint` has no trailing slash. `expires_at` is a moment with a zone, or None for a token that does not
    expire. `bearer_token` is empty for the OAuth kinds, whose settings are in `oauth`.
    """

    endpoint: str
    bearer_token: str = field(repr=False, default="")
    expires_at: datetime | None = None
    version: int = 1
    kind: str = "bearer_token"
    oauth: dict[str, str] = field(repr=False, default_factory=dict)

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def to_json(self) -> bytes:
        """Content of a profile file, version 1."""
        fields: dict[str, object] = {
            "shareCredentialsVersion": 1,
            "endpoint": self.endpoint,
            "bearerToken": self.bearer_token,
        }
        if self.expires_at is not None:
            moment = self.expires_at.astimezone(UTC).isoformat(timespec="milliseconds")
            fields["expirationTime"] = moment.replace("+00:00", "Z")
        return msgspec.json.encode(fields)


def parse_profile(data: bytes, origin: str = "the profile") -> Profile:
    """Parse a profile's JSON. Raises InvalidProfile, which names `origin` and never the secret."""
    try:
        fields = msgspec.json.decode(decode_text(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidProfile(
            f"{origin} is not JSON. Ask the provider for a new activation link, or download the file again."
        ) from error
    if not isinstance(fields, dict):
        raise InvalidProfile(f"{origin} is not a JSON object.")
    version = fields.get("shareCredentialsVersion")
    if version not in (1, 2) or isinstance(version, bool):
        raise InvalidProfile(
            f"{origin} has shareCredentialsVersion {version!r}; this client reads 1 and 2. "
            "Upgrade model-sharing, or ask the provider for a version 1 profile."
        )
    endpoint = _endpoint(fields, origin)
    expires_at = _expiry(fields, origin)
    kind = fields.get("type", "bearer_token") if version == 2 else "bearer_token"
    if kind == "bearer_token":
        token = _text(fields, "bearerToken", origin)
        return Profile(endpoint, token, expires_at, version)
    if not isinstance(kind, str) or kind not in _OAUTH_FIELDS:
        known = ", ".join(["bearer_token", *_OAUTH_FIELDS])
        raise InvalidProfile(f"{origin} has the unknown type {kind!r}; known types are {known}.")
    oauth = {name: _text(fields, name, origin) for name in _OAUTH_FIELDS[kind]}
    if isinstance(fields.get("scope"), str):
        oauth["scope"] = fields["scope"]
    return Profile(endpoint, "", expires_at, version, kind, oauth)


def read_profile(path: Path) -> Profile:
    """Read a profile file. Raises InvalidProfile if it is missing, unreadable or not a profile."""
    if _SCHEMES & set(path.parts):
        # An activation link, which is a secret and is not repeated.
        raise InvalidProfile(
            "That is a link, not a profile file. Turn it into one first: model-sharing activate LINK FILE."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidProfile(f"The profile file {path} cannot be read: {error.strerror}.") from error
    return parse_profile(data, f"The profile file {path}")


def write_profile(profile_json: bytes, path: Path) -> None:
    """Write a profile file that only its owner can read (0600), whole or not at all."""
    write_file(path, profile_json)


def _text(fields: dict[str, Any], name: str, origin: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidProfile(f"{origin} has no {name}.")
    if not value.isprintable() or not value.isascii():
        raise InvalidProfile(f"{origin} has a {name} with characters that cannot be sent over HTTP.")
    return value


def _endpoint(fields: dict[str, Any], origin: str) -> str:
    endpoint = _text(fields, "endpoint", origin).rstrip("/")
    try:
        url = urlsplit(endpoint)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        with_user = url.username is not None
    except ValueError:
        usable = with_user = False
    if with_user:
        raise InvalidProfile(
            f"{origin} has a user name in its endpoint; remove it, only the token authenticates."
        )
    if not usable:
        raise InvalidProfile(f"{origin} has the endpoint {endpoint!r}; it must be an http or https URL.")
    return endpoint


def _expiry(fields: dict[str, Any], origin: str) -> datetime | None:
    text = fields.get("expirationTime")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidProfile(f"{origin} has the expirationTime {text!r}; it must be ISO 8601.") from error

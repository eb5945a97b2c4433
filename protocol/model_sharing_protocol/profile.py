"""Profile file: endpoint and credentials of a recipient at a provider (Delta Sharing profile file format).

Version 1 carries a bearer token, and is what our providers issue. Version 2 names its kind in `type`; those
other than a bearer token say how to sign in (`profile_sign_in`). The secret never shows in a `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from model_sharing_protocol.atomic_files import write_file
from model_sharing_protocol.errors import InvalidProfile
from model_sharing_protocol.profile_sign_in import SignIn, parse_sign_in, text_field, url_field
from model_sharing_protocol.text_files import decode_text

_SCHEMES = frozenset({"http:", "https:"})


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a provider: its endpoint, and the credentials to authenticate with.

    `endpoint` has no trailing slash. `expires_at` is a moment with a zone, or None for a token that does not
    expire. `bearer_token` is empty for kinds that sign in by the settings in `sign_in`.
    """

    endpoint: str
    bearer_token: str = field(repr=False, default="")
    expires_at: datetime | None = None
    version: int = 1
    kind: str = "bearer_token"
    sign_in: SignIn | None = None

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


def parse_profile(data: bytes, origin: str = "the profile", folder: Path | None = None) -> Profile:
    """Parse a profile's JSON. Raises InvalidProfile, which names `origin` and never the secret.

    Files that it names are relative to `folder`; without one, their paths must be absolute.
    """
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
    endpoint = url_field(fields, "endpoint", origin).rstrip("/")
    expires_at = _expiry(fields, origin)
    kind = fields.get("type", "bearer_token") if version == 2 else "bearer_token"
    if kind == "bearer_token":
        token = text_field(fields, "bearerToken", origin)
        return Profile(endpoint, token, expires_at, version)
    sign_in = parse_sign_in(kind, fields, origin, folder)
    return Profile(endpoint, "", expires_at, version, str(kind), sign_in)


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
    return parse_profile(data, f"The profile file {path}", path.absolute().parent)


def write_profile(profile_json: bytes, path: Path) -> None:
    """Write a profile file that only its owner can read (0600), whole or not at all."""
    write_file(path, profile_json)


def _expiry(fields: dict[str, Any], origin: str) -> datetime | None:
    text = fields.get("expirationTime")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidProfile(f"{origin} has the expirationTime {text!r}; it must be ISO 8601.") from error

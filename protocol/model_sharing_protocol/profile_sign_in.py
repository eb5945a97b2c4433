"""Sign-in settings of a profile of version 2: an access token is asked for, not written in the profile.

The OAuth kinds are Delta Sharing's. `workload_identity` is an EXTENSION: the machine or job says itself who
it is, and there is no secret at all. Secrets never show in a `repr`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from model_sharing_protocol.errors import InvalidProfile

SIGNING_ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Algorithms of client assertions: all asymmetric, since the key is private."""
WORKLOAD_SOURCES = ("token_file", "github_actions", "google_cloud", "azure")


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth client credentials: a client and its secret, at the issuer's token endpoint."""

    token_endpoint: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""

    def __str__(self) -> str:
        return f"OAuth client {self.client_id!r} at {self.token_endpoint}"


@dataclass(frozen=True, slots=True)
class PrivateKeyJwt:
    """OAuth JWT bearer grant (RFC 7523): an assertion that the client signs with its private key.

    `issuer` is the audience of the assertion; `audience`, if not empty, is the resource that the token is
    for.
    """

    token_endpoint: str
    client_id: str
    issuer: str
    private_key_file: Path
    key_id: str = ""
    algorithm: str = "RS256"
    audience: str = ""
    scope: str = ""

    def __str__(self) -> str:
        key = f"private key {self.private_key_file}"
        return f"OAuth client {self.client_id!r} with the {key} at {self.token_endpoint}"


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """Workload identity token for `audience`, from one of WORKLOAD_SOURCES.

    It is the bearer token itself, unless there is a `token_endpoint` to exchange it at: there it stands for
    the client `client_id`, or, without one, is the grant (RFC 7523). `identity` is an Azure identity's client
    id, if the machine has several.
    """

    source: str
    audience: str
    token_file: Path | None = None
    identity: str = ""
    token_endpoint: str = ""
    client_id: str = ""
    scope: str = ""

    def __str__(self) -> str:
        source = f"token file {self.token_file}" if self.token_file else f"{self.source} identity"
        exchanged = f", exchanged at {self.token_endpoint}" if self.token_endpoint else ""
        return f"{source} for the audience {self.audience!r}{exchanged}"


SignIn = ClientCredentials | PrivateKeyJwt | WorkloadIdentity


def parse_sign_in(kind: object, fields: dict[str, Any], origin: str, folder: Path | None) -> SignIn:
    """Parse the settings of a kind. Files are relative to `folder`; without one, their paths are absolute.

    Raises InvalidProfile, which names `origin` and never a secret.
    """
    parse = _KINDS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        known = ", ".join(["bearer_token", *_KINDS])
        raise InvalidProfile(f"{origin} has the unknown type {kind!r}; known types are {known}.")
    return parse(fields, origin, folder)


def text_field(fields: dict[str, Any], name: str, origin: str) -> str:
    """Text of a field, as it can be sent over HTTP. Raises InvalidProfile."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidProfile(f"{origin} has no {name}.")
    if not value.isprintable() or not value.isascii():
        raise InvalidProfile(f"{origin} has a {name} with characters that cannot be sent over HTTP.")
    return value


def url_field(fields: dict[str, Any], name: str, origin: str) -> str:
    """HTTP URL of a field, without a user. Raises InvalidProfile."""
    text = text_field(fields, name, origin)
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and " " not in text
        with_user = url.username is not None
    except ValueError:
        usable = with_user = False
    if with_user:
        raise InvalidProfile(f"{origin} has a user name in its {name}; remove it, it does not authenticate.")
    if not usable:
        raise InvalidProfile(f"{origin} has the {name} {text!r}; it must be an http or https URL.")
    return text


def _client_credentials(fields: dict[str, Any], origin: str, _: Path | None) -> ClientCredentials:
    return ClientCredentials(
        token_endpoint=url_field(fields, "tokenEndpoint", origin),
        client_id=text_field(fields, "clientId", origin),
        client_secret=text_field(fields, "clientSecret", origin),
        scope=_optional(fields, "scope", origin),
    )


def _private_key_jwt(fields: dict[str, Any], origin: str, folder: Path | None) -> PrivateKeyJwt:
    auth = _object(fields, "auth", origin)
    key = _object(auth, "privateKey", origin)
    algorithm = _optional(key, "algorithm", origin) or "RS256"
    if algorithm not in SIGNING_ALGORITHMS:
        raise InvalidProfile(
            f"{origin} has the algorithm {algorithm!r}; known are {', '.join(SIGNING_ALGORITHMS)}."
        )
    return PrivateKeyJwt(
        token_endpoint=url_field(auth, "tokenEndpoint", origin),
        client_id=text_field(auth, "clientId", origin),
        issuer=text_field(auth, "issuer", origin),
        private_key_file=_file(key, "privateKeyFile", origin, folder),
        key_id=_optional(key, "keyId", origin),
        algorithm=algorithm,
        audience=_optional(auth, "audience", origin),
        scope=_optional(auth, "scope", origin),
    )


def _workload_identity(fields: dict[str, Any], origin: str, folder: Path | None) -> WorkloadIdentity:
    known = ", ".join(WORKLOAD_SOURCES)
    if not fields.get("source"):
        raise InvalidProfile(f"{origin} has no source, which says who gives the token: {known}.")
    source = text_field(fields, "source", origin)
    if source not in WORKLOAD_SOURCES:
        raise InvalidProfile(f"{origin} has the source {source!r}; known are {known}.")
    exchanged = fields.get("tokenEndpoint") is not None
    return WorkloadIdentity(
        source=source,
        audience=text_field(fields, "audience", origin),
        token_file=_file(fields, "tokenFile", origin, folder) if source == "token_file" else None,
        identity=_optional(fields, "managedIdentityClientId", origin),
        token_endpoint=url_field(fields, "tokenEndpoint", origin) if exchanged else "",
        client_id=_optional(fields, "clientId", origin),
        scope=_optional(fields, "scope", origin),
    )


_KINDS: dict[str, Callable[[dict[str, Any], str, Path | None], SignIn]] = {
    "oauth_client_credentials": _client_credentials,
    "oauth_jwt_bearer_private_key_jwt": _private_key_jwt,
    "workload_identity": _workload_identity,
}


def _optional(fields: dict[str, Any], name: str, origin: str) -> str:
    return "" if fields.get(name) in (None, "") else text_field(fields, name, origin)


def _object(fields: dict[str, Any], name: str, origin: str) -> dict[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise InvalidProfile(
            f"{origin} has no object {name}, which this type of profile keeps its settings in; see how it is "
            "written in the guide 'Sign in without a shared secret'."
        )
    return value


def _file(fields: dict[str, Any], name: str, origin: str, folder: Path | None) -> Path:
    path = Path(text_field(fields, name, origin))
    if path.is_absolute():
        return path
    if folder is None:
        raise InvalidProfile(
            f"{origin} has the {name} {str(path)!r}; write an absolute path, since the profile is in no file."
        )
    return folder / path

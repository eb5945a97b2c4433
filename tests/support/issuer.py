"""A real issuer of identity tokens: Canaille, in a process and an environment of its own.

It has the user `ana` in the group `scientists`, and the client `globex-jobs`, which may sign in by itself,
for a user, or by a page. Tokens are for the audience `model-sharing`.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.processes.servers import free_port, running_server
from support.processes.virtual_environments import virtual_environment

CANAILLE = "canaille[front,oidc]==0.3.6"
AUDIENCE = "model-sharing"
CLIENT, CLIENT_SECRET = "globex-jobs", "correct-horse-battery-staple"
USER, PASSWORD, GROUP = "ana", "a password of ana's", "scientists"
_SCOPES = ["openid", "profile", "email", "groups"]
_PROGRAM = Path(__file__).with_name("issuer_program.py")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Issuer that runs: its `url` is the `iss` of its tokens."""

    url: str

    @property
    def token_endpoint(self) -> str:
        return str(self.configuration()["token_endpoint"])

    def configuration(self) -> dict[str, Any]:
        """Discovery document."""
        with urllib.request.urlopen(f"{self.url}/.well-known/openid-configuration", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def client_token(self, client: str = CLIENT, secret: str = CLIENT_SECRET) -> str:
        """Access token of a client, by its credentials; its `sub` and `azp` are the client's id."""
        return self._access_token(client, secret, grant_type="client_credentials")

    def user_token(self, user: str = USER, password: str = PASSWORD) -> str:
        """Access token of a user, by the password; its `sub` is the user's name."""
        scope = " ".join(_SCOPES)
        asked = {"grant_type": "password", "username": user, "password": password, "scope": scope}
        return self._access_token(CLIENT, CLIENT_SECRET, **asked)

    def _access_token(self, client: str, secret: str, **asked: str) -> str:
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        body = urllib.parse.urlencode(asked).encode()
        request = urllib.request.Request(
            self.token_endpoint, body, headers={"Authorization": f"Basic {basic}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(json.load(answer)["access_token"])


@contextmanager
def running_issuer(
    folder: Path,
    *,
    port: int = 0,
    redirect_uris: Sequence[str] = ("http://127.0.0.1/callback",),
    token_lifetime: int = 3600,
    keys: str = "keys.json",
    more_clients: Sequence[dict[str, Any]] = (),
) -> Iterator[Issuer]:
    """Run an issuer whose tokens live `token_lifetime` seconds.

    `more_clients` have the fields of RFC 7591, such as a `token_endpoint_auth_method` of `private_key_jwt`
    with `jwks` (a text), and their `audience`. Another issuer at the same `port` with another file of `keys`
    has rotated them.
    """
    port = port or free_port()
    client = {
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "client_name": "Globex",
        "client_uri": "http://127.0.0.1",
        "grant_types": ["authorization_code", "client_credentials", "password", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": list(redirect_uris),
        "scope": _SCOPES,
        "token_endpoint_auth_method": "client_secret_basic",
        "audience": [AUDIENCE],
    }
    audience = {"client_id": AUDIENCE, "client_name": AUDIENCE, "grant_types": [], "audience": []}
    user = {"user_name": USER, "password": PASSWORD, "family_name": "Ana", "emails": ["ana@globex.example"]}
    content = {
        "port": port,
        "token_lifetime": token_lifetime,
        "clients": [audience, client, *more_clients],
        "users": [user],
        "groups": {GROUP: [USER]},
    }
    given = folder / "issuer.json"
    given.write_text(json.dumps(content))
    url = f"http://127.0.0.1:{port}"
    python = virtual_environment(CANAILLE, name="canaille-0.3.6")
    command = [python, _PROGRAM, given, folder / keys]
    with running_server(command, f"{url}/.well-known/openid-configuration", folder, {}):
        yield Issuer(url)

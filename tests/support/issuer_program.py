"""Program of the issuer: Canaille with the users, groups and clients of a file, in its own environment.

Arguments: a JSON file, and a file of keys, made if it is missing. Canaille's access tokens for client
credentials are random text: here they are JWTs (RFC 9068), signed by its own key and library, as those of
other issuers are.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from canaille.oidc import provider
from joserfc import jwk, jwt
from werkzeug.serving import make_server

Generate = Callable[[Any, str, Any, str], str]


def with_jwts_for_clients(generate: Generate) -> Generate:
    """Generator of access tokens that also makes JWTs for client credentials."""

    def access_token(client: Any, grant_type: str, user: Any, scope: str) -> str:
        if grant_type != "client_credentials":
            return generate(client, grant_type, user, scope)
        key, algorithm = provider._get_signing_key(client)
        now = int(time.time())
        lifetime = provider.authorization._token_generators["default"]._get_expires_in(client, grant_type)
        claims = {
            "iss": provider.get_issuer(),
            "sub": client.client_id,
            "azp": client.client_id,
            "aud": [each.client_id for each in client.audience],
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
            "jti": uuid.uuid4().hex,
            "scope": scope or "",
        }
        header = {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}
        return str(jwt.encode(header, claims, key, [algorithm]))

    return access_token


def keys_of(path: Path) -> Any:
    """Keys in a file, private parts included."""
    if not path.exists():
        path.write_text(json.dumps([jwk.RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)]))
    return json.loads(path.read_text())


def fill(content: dict[str, Any]) -> None:
    """Users, groups and clients, as a file has them."""
    rows = Backend.instance
    users = {}
    for each in content["users"]:
        users[each["user_name"]] = models.User(**each)
        rows.save(users[each["user_name"]])
    for name, members in content["groups"].items():
        rows.save(models.Group(display_name=name, members=[users[each] for each in members]))
    clients = {}
    for each in content["clients"]:
        given = {key: value for key, value in each.items() if key != "audience"}
        clients[each["client_id"]] = models.Client(
            client_id_issued_at=datetime.datetime.now(datetime.UTC), **given
        )
        rows.save(clients[each["client_id"]])
    for each in content["clients"]:
        clients[each["client_id"]].audience = [clients[name] for name in each["audience"]]
        rows.save(clients[each["client_id"]])


def main() -> None:
    content = json.loads(Path(sys.argv[1]).read_text())
    provider.generate_access_token = with_jwts_for_clients(provider.generate_access_token)
    seconds = content["token_lifetime"]
    app = create_app(
        {
            "SECRET_KEY": "only for tests, on this machine alone",
            "SERVER_NAME": f"127.0.0.1:{content['port']}",
            "PREFERRED_URL_SCHEME": "http",
            "OAUTH2_TOKEN_EXPIRES_IN": dict.fromkeys(
                (
                    "authorization_code",
                    "client_credentials",
                    "password",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer",
                ),
                seconds,
            ),
            "CANAILLE": {"DATABASE": "memory", "SMTP": None},
            "CANAILLE_OIDC": {"ACTIVE_JWKS": keys_of(Path(sys.argv[2]))},
        }
    )
    with app.app_context():
        fill(content)
    make_server("127.0.0.1", content["port"], app, threaded=True).serve_forever()


if __name__ == "__main__":
    main()

"""Sign-in at an issuer that nobody here wrote: Canaille gives our recipient its tokens."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from model_sharing.transport.sign_in.access_tokens import AccessTokens
from model_sharing_protocol.errors import SignInRefused
from model_sharing_protocol.profile_sign_in import ClientCredentials
from support.issuer import AUDIENCE, CLIENT, CLIENT_SECRET, running_issuer


async def test_client_credentials_get_a_token_that_the_issuer_signed(tmp_path: Path) -> None:
    tokens = AccessTokens()
    with running_issuer(tmp_path) as issuer:
        endpoint = issuer.token_endpoint
        token = await tokens.get(ClientCredentials(endpoint, CLIENT, CLIENT_SECRET))
        signer = jwt.PyJWKClient(str(issuer.configuration()["jwks_uri"])).get_signing_key_from_jwt(
            token.value
        )
        claims = jwt.decode(token.value, signer.key, ["RS256", "RS512"], audience=AUDIENCE, issuer=issuer.url)
        assert claims["sub"] == CLIENT
        with pytest.raises(SignInRefused, match="invalid_client") as refused:
            await tokens.get(ClientCredentials(endpoint, CLIENT, "not-the-secret"))
    assert "not-the-secret" not in str(refused.value)

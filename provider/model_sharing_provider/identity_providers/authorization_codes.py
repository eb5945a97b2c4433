"""OpenID Connect's authorization code flow with PKCE, as the client of one identity provider.

After OAuth 2.0 Security Best Current Practice (RFC 9700) and OpenID Connect Core 1.0, section 3.1.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from model_sharing_protocol.errors import InvalidParameter, IssuerUnavailable, Unauthenticated
from model_sharing_provider.domain.code_flow import (
    AuthorizationAnswer,
    AuthorizationRequest,
    IdentityProvider,
)
from model_sharing_provider.domain.federation import IdentityClaims
from model_sharing_provider.governance.issuers import check_issuer_url
from model_sharing_provider.identity_providers.identity_tokens import IdentityTokens
from model_sharing_provider.identity_providers.issuer_documents import IssuerDocuments
from model_sharing_provider.identity_providers.issuer_keys import IssuerKeys
from model_sharing_provider.keys.watched_files import WatchedFile

_MAX_CODE = 4096
_MOST_EXCHANGES = 32
_ERROR = re.compile(r"[a-z_]{1,64}", re.ASCII)
_AGAIN = "Nobody was signed in; sign in again."
_FOR_ADMINISTRATORS = (
    "its administrator has to compare the settings of the client id and secret with what is registered there"
)


class AuthorizationCodes:
    """Authorization codes of an identity provider, each exchanged for the claims of an ID token."""

    def __init__(
        self,
        provider: IdentityProvider,
        documents: IssuerDocuments,
        keys: IssuerKeys,
        tokens: IdentityTokens,
        client_secret: WatchedFile[str] | None,
    ) -> None:
        self.provider = provider
        self._documents = documents
        self._keys = keys
        self._tokens = tokens
        self._client_secret = client_secret
        self._exchanges = asyncio.Semaphore(_MOST_EXCHANGES)

    async def check(self) -> None:
        """Check that the issuer has endpoints and keys. Raises Unauthenticated, IssuerUnavailable."""
        for name in ("authorization_endpoint", "token_endpoint"):
            await self._endpoint(name)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """URL at which a browser asks for a code. Raises Unauthenticated, IssuerUnavailable."""
        endpoint = await self._endpoint("authorization_endpoint")
        challenge = hashlib.sha256(request.verifier.encode()).digest()
        asked = urlencode(
            {
                "response_type": "code",
                "client_id": self.provider.client_id,
                "redirect_uri": request.redirect_uri,
                "scope": self.provider.scopes,
                "state": request.state,
                "nonce": request.nonce,
                "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )
        parts = urlsplit(endpoint)
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, asked))), fragment=""))

    async def redeem(self, answer: AuthorizationAnswer, request: AuthorizationRequest) -> IdentityClaims:
        """Claims of the person for whom the answer to a request has a code.

        The caller has compared the `state`. Raises Unauthenticated, TokenExpired, IssuerUnavailable.
        """
        await self._check_issuer(answer)
        if answer.error or not 0 < len(answer.code) <= _MAX_CODE:
            said = answer.error if _ERROR.fullmatch(answer.error) else "an answer without a code"
            raise Unauthenticated(f"{self.provider.name} did not sign you in: {said}.")
        if self._exchanges.locked():
            raise IssuerUnavailable("Many people are signing in just now; try again in a minute.")
        async with self._exchanges:
            return await self._verified(await self._exchange(answer.code, request), request.nonce)

    async def _check_issuer(self, answer: AuthorizationAnswer) -> None:
        """Raise Unauthenticated for an answer that is not this issuer's, as in a mix-up attack (RFC 9207)."""
        configuration = await self._keys.configuration(self.provider.issuer)
        promised = configuration.get("authorization_response_iss_parameter_supported") is True
        if (answer.issuer or promised) and answer.issuer != self.provider.issuer:
            raise Unauthenticated(f"The answer is not that of {self.provider.name}, by its 'iss'. {_AGAIN}")

    async def _exchange(self, code: str, request: AuthorizationRequest) -> str:
        """ID token for a code. Raises Unauthenticated, IssuerUnavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        headers = await self._identify_client(form)
        status, answer = await self._documents.post(await self._endpoint("token_endpoint"), form, headers)
        token = answer.get("id_token")
        if status == 200 and isinstance(token, str):
            return token
        error = answer.get("error")
        name = self.provider.name
        if status == 401 or error in ("invalid_client", "unauthorized_client"):
            raise Unauthenticated(f"{name} does not know this server: {_FOR_ADMINISTRATORS}.")
        if error == "invalid_grant":
            raise Unauthenticated(f"{name} refused the code, which was used already or is too old. {_AGAIN}")
        said = error if isinstance(error, str) and _ERROR.fullmatch(error) else "no ID token"
        raise Unauthenticated(f"{name} gave no ID token for the code: {said}. {_AGAIN}")

    async def _identify_client(self, form: dict[str, str]) -> Mapping[str, str]:
        """Put this client's id and secret into the form, or into the headers that are returned."""
        client_id = self.provider.client_id
        if self._client_secret is None:
            form["client_id"] = client_id
            return {}
        secret = self._client_secret.value
        configuration = await self._keys.configuration(self.provider.issuer)
        methods = configuration.get("token_endpoint_auth_methods_supported")
        listed = methods if isinstance(methods, list) else []
        if "client_secret_post" in listed and "client_secret_basic" not in listed:
            form |= {"client_id": client_id, "client_secret": secret}
            return {}
        # A space is %20, which servers read as one in a form and out of it; they disagree about "+".
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    async def _verified(self, token: str, nonce: str) -> IdentityClaims:
        """Claims of an ID token for this client and request. Raises Unauthenticated, TokenExpired."""
        unverified = self._tokens.parse(token)
        if unverified.issuer != self.provider.issuer:
            raise _refused("it is another issuer's")
        verified = await self._tokens.verify(unverified)
        client_id, claims = self.provider.client_id, verified.claims
        if client_id not in verified.audiences:
            raise _refused("it is not for this server's client id")
        # Who asked for it: a token for several must say so (OpenID Connect Core, section 3.1.3.7).
        if claims.get("azp", None if len(verified.audiences) > 1 else client_id) != client_id:
            raise _refused("another client asked for it")
        given = claims.get("nonce")
        if not isinstance(given, str) or not _same(given, nonce):
            raise _refused("it was not issued for this sign-in")
        return verified

    async def _endpoint(self, name: str) -> str:
        """Endpoint of the discovery document. Raises Unauthenticated for none that may be used."""
        found = (await self._keys.configuration(self.provider.issuer)).get(name)
        try:
            return check_issuer_url(found if isinstance(found, str) else "")
        except InvalidParameter as error:
            raise Unauthenticated(
                f"The discovery document of {self.provider.name} has no {name} that may be used."
            ) from error


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The ID token is refused: {reason}. {_AGAIN}")

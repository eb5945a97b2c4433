"""OpenID Connect's authorization code flow with PKCE, by which people sign in at an identity provider."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityProvider:
    """Identity provider that people sign in at, and the client that this server is there.

    `scopes` are separated by spaces; `name` is for people.
    """

    name: str
    issuer: str
    client_id: str
    scopes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """Request that a browser is sent to the identity provider with.

    The provider gets the hash of `verifier`, and the verifier itself with the code: who steals a code cannot
    use it (PKCE, RFC 7636). `nonce` ties the ID token to this request, and `state` the answer to the browser.
    """

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationAnswer:
    """Answer of an identity provider, by way of the browser: nothing in it is true yet; "" is missing.

    `issuer` is the `iss` of RFC 9207, by which an answer of another issuer is recognized.
    """

    code: str = field(repr=False)
    state: str
    issuer: str
    error: str

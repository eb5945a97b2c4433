"""Access tokens of one session: kept in memory, renewed before they end, once for all calls that wait."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from model_sharing.transport.network_errors import TransientError
from model_sharing.transport.sign_in.access_token import AccessToken
from model_sharing.transport.sign_in.client_assertion import sign_assertion
from model_sharing.transport.sign_in.token_endpoint import request_token
from model_sharing.transport.sign_in.workload_identity import workload_token
from model_sharing_protocol.profile_sign_in import ClientCredentials, PrivateKeyJwt, SignIn, WorkloadIdentity

if TYPE_CHECKING:
    from model_sharing.transport.connecting import OpenSocket

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AccessTokens:
    """Access tokens by the sign-in of a profile, which may change. For one event loop.

    `open_socket` may refuse the address of a token endpoint, as for `Transport`.
    """

    def __init__(
        self, open_socket: OpenSocket | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_socket = open_socket
        self._clock = clock
        self._settings: SignIn | None = None
        self._token: AccessToken | None = None
        self._renewal: asyncio.Task[AccessToken] | None = None

    async def get(self, settings: SignIn) -> AccessToken:
        """Token to send now. Raises SignInRefused, InvalidProfile, NotASharingServer, TransientError."""
        if settings != self._settings:
            self._settings = settings
            self._token = self._renewal = None  # one that runs is for the calls that wait for it
        now = self._clock()
        token = self._token
        if token is not None and now < token.renew_at:
            return token
        try:
            return await self._renewed(settings)
        except TransientError:
            if token is not None and token is self._token and now < token.ends_at:
                return token
            raise

    def drop(self, value: str) -> None:
        """Drop a token that the provider refused, unless it was renewed meanwhile."""
        if self._token is not None and self._token.value == value:
            self._token = None

    async def close(self) -> None:
        """Forget the token, and end a renewal that runs."""
        self._token = None
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await renewal

    async def _renewed(self, settings: SignIn) -> AccessToken:
        """Renewal that all callers share: who is cancelled leaves it to the others."""
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._request(settings))
            self._renewal.add_done_callback(self._ended)
        return await asyncio.shield(self._renewal)

    def _ended(self, renewal: asyncio.Task[AccessToken]) -> None:
        failed = renewal.cancelled() or renewal.exception() is not None
        if renewal is self._renewal:
            self._renewal = None
            self._token = self._token if failed else renewal.result()

    async def _request(self, settings: SignIn) -> AccessToken:
        match settings:
            case ClientCredentials():
                return await request_token(
                    settings.token_endpoint,
                    {"grant_type": "client_credentials", "scope": settings.scope},
                    basic=(settings.client_id, settings.client_secret),
                    open_socket=self._open_socket,
                )
            case PrivateKeyJwt():
                assertion = await asyncio.to_thread(sign_assertion, settings)
                form = {"grant_type": _JWT_BEARER, "assertion": assertion}
                return await request_token(settings.token_endpoint, form, open_socket=self._open_socket)
            case WorkloadIdentity():
                own = await workload_token(settings)
                return await self._exchanged(settings, own) if settings.token_endpoint else own

    async def _exchanged(self, settings: WorkloadIdentity, own: AccessToken) -> AccessToken:
        """Token that a token endpoint issues for the workload's own."""
        form = {"grant_type": _JWT_BEARER, "assertion": own.value, "scope": settings.scope}
        if settings.client_id:
            form = {
                "grant_type": "client_credentials",
                "client_id": settings.client_id,
                "client_assertion_type": _CLIENT_ASSERTION,
                "client_assertion": own.value,
                "scope": settings.scope,
            }
        return await request_token(settings.token_endpoint, form, open_socket=self._open_socket)

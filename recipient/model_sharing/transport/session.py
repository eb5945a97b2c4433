"""HTTP session with a provider's API: the bearer goes to the profile's endpoint and nowhere else.

The bearer is the profile's, or an access token that the profile's sign-in gives (`sign_in`).

Responses are bounded (`bounds`), redirects are refused, transient errors are retried (`retries`); the result
is the message that a reader made of the body (`response_reader`), or one of our errors. File contents are
transferred elsewhere (`downloads.transfer`), without credentials.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlencode

from model_sharing.transport import bounds
from model_sharing.transport.network_errors import (
    PathNotServed,
    TransientError,
    error_from_response,
    translated_network_errors,
)
from model_sharing.transport.retries import DEFAULT_SECONDS, Retries, RetryNotices
from model_sharing.transport.sign_in.access_token import AccessToken, claims_of
from model_sharing.transport.sign_in.access_tokens import AccessTokens
from model_sharing.transport.trace_context import trace_headers
from model_sharing_protocol.errors import (
    NotASharingServer,
    NotFound,
    SignInRefused,
    TokenExpired,
    Unauthenticated,
    UnsupportedOperation,
)
from model_sharing_protocol.network.plain_http import origin_of
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.profile import Profile

if TYPE_CHECKING:
    from model_sharing.transport.connecting import OpenSocket
    from model_sharing.transport.http_response import Response
    from model_sharing.transport.http_session import HttpSession

NOT_MODIFIED = 304

T = TypeVar("T")
Reader = Callable[["Response"], Awaitable[T]]


class Transport:
    """HTTP session with one provider. `profile` is read at each call, so that a renewed token is picked up.

    `open_socket` may refuse, by an OSError, the address that is about to be connected to: then it is asked
    directly, by no proxy of the environment; `open_token_socket` is the same for a token endpoint.
    `retry_for` is for how many seconds a call is tried again.
    Use it as an async context manager, or call `close`.
    """

    def __init__(
        self,
        profile: Callable[[], Profile],
        open_socket: OpenSocket | None = None,
        *,
        open_token_socket: OpenSocket | None = None,
        retry_for: float = DEFAULT_SECONDS,
    ) -> None:
        self._profile = profile
        self._open_socket = open_socket
        self._retry_for = retry_for
        self._tokens = AccessTokens(open_token_socket)
        self._notices = RetryNotices()
        self._gave_up_at = -math.inf
        self._session: HttpSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and forget access tokens."""
        await self._tokens.close()
        if self._session is not None:
            self._session.close()
            self._session = None

    async def call(
        self,
        method: str,
        path: str,
        read: Reader[T],
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        tag: str = "",
        has_fallback: Callable[[], bool] = lambda: False,
        wait: float = 0,
    ) -> T:
        """Make an idempotent call of `path` below the endpoint; what `read` makes of the response.

        With a `tag` the response may be NOT_MODIFIED, with nothing to read. It is not tried again for long if
        the caller `has_fallback`, which is asked once it has failed. The provider may hold it for `wait`
        seconds longer than other calls. Raises the error that the provider answered with; ServerUnreachable,
        NotASharingServer or TokenExpired for the rest.
        """
        profile = self._profile()
        headers = trace_headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        if tag:
            headers["If-None-Match"] = tag
        url = profile.endpoint + path
        token = ""

        async def attempt() -> T:
            nonlocal token
            token = await self._bearer(profile)
            sent = {"Authorization": f"Bearer {token}", **headers}
            return await self._send(method, url, read, headers=sent, params=params, body=body, wait=wait)

        def next_wait(retries: Retries, failure: TransientError) -> float | None:
            brief = failure.brief or self._gave_up_lately or has_fallback()
            return retries.next_wait(failure.retry_after, brief=brief)

        try:
            try:
                return await self._retry(attempt, next_wait)
            except Unauthenticated as error:
                if profile.sign_in is None or isinstance(error, SignInRefused):
                    raise
                self._tokens.drop(token)
                return await self._retry(attempt, next_wait)
        except SignInRefused:
            raise
        except Unauthenticated as error:
            raise _explain_refused_token(error, profile, claims_of(token)) from error
        except PathNotServed as error:
            raise NotASharingServer(error.message) from None

    async def sign_in(self) -> AccessToken | None:
        """Access token of a profile that signs in; None for a bearer token. Raises as `call` does."""
        settings = self._profile().sign_in
        if settings is None:
            return None

        async def attempt() -> AccessToken:
            return await self._tokens.get(settings)

        return await self._retry(attempt, lambda retries, failure: retries.next_wait(failure.retry_after))

    async def _bearer(self, profile: Profile) -> str:
        if profile.sign_in is None:
            return profile.bearer_token
        return (await self._tokens.get(profile.sign_in)).value

    async def use_link(self, url: str, read: Reader[T]) -> T:
        """Use an activation link, which works only once, without credentials.

        By POST; by GET at a provider that has no other way, as Unity Catalog's documentation has it.
        """
        try:
            return await self._send_once("POST", url, read)
        except (NotFound, PathNotServed, UnsupportedOperation):
            pass
        try:
            return await self._send_once("GET", url, read)
        except PathNotServed as error:
            raise NotASharingServer(error.message) from None

    async def _send_once(self, method: str, url: str, read: Reader[T]) -> T:
        """Send a request that is tried again only while it cannot have arrived."""

        async def attempt() -> T:
            return await self._send(method, url, read, headers={"Accept": "application/json"}, once=True)

        def next_wait(retries: Retries, failure: TransientError) -> float | None:
            return retries.next_wait(brief=failure.brief) if failure.unsent else None

        return await self._retry(attempt, next_wait)

    async def _retry(
        self,
        attempt: Callable[[], Awaitable[T]],
        next_wait: Callable[[Retries, TransientError], float | None],
    ) -> T:
        """Retry until it succeeds, or until there is no next wait: then the failure's `final` is raised."""
        retries = Retries(self._retry_for)
        while True:
            try:
                result = await attempt()
            except TransientError as failure:
                wait = next_wait(retries, failure)
                if wait is None:
                    self._gave_up_at = time.monotonic()
                    raise failure.final from failure.__cause__
                self._notices.log(failure.reason, wait)
                await asyncio.sleep(wait)
            else:
                self._gave_up_at = -math.inf
                return result

    @property
    def _gave_up_lately(self) -> bool:
        """True if the last call failed: of many, such as a pull's, not each is to wait as long."""
        return time.monotonic() - self._gave_up_at < self._retry_for

    async def _send(
        self,
        method: str,
        url: str,
        read: Reader[T],
        *,
        headers: dict[str, str],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        wait: float = 0,
        once: bool = False,
    ) -> T:
        # Who loads what is known to be recent asks nobody, and needs none of it.
        from model_sharing.transport.http_session import HttpSession, Request  # noqa: PLC0415

        if self._session is None:
            self._session = HttpSession(self._open_socket)
        origin = origin_of(url)
        with translated_network_errors(origin):
            proxy = proxy_for(url) if self._open_socket is None else None
        request = Request(method, _with_params(url, params), headers, body)
        silence = bounds.HEADERS_SECONDS + wait
        with translated_network_errors(origin, proxy):
            async with asyncio.timeout(bounds.RESPONSE_SECONDS + wait), contextlib.AsyncExitStack() as stack:
                # Interim responses, and headers that come byte by byte, are no silence.
                async with asyncio.timeout(silence):
                    response = await stack.enter_async_context(
                        self._session.send(request, proxy, silence=silence, once=once)
                    )
                unchanged = response.status == NOT_MODIFIED and "If-None-Match" in headers
                if response.status != 200 and not unchanged:
                    raise await error_from_response(response, origin, proxy)
                return await read(response)


def _with_params(url: str, params: Mapping[str, str] | None) -> str:
    if not params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _explain_refused_token(error: Unauthenticated, profile: Profile, claims: str) -> Unauthenticated:
    said = error.message.rstrip(".")
    if profile.sign_in is not None:
        named = f" It says: {claims}." if claims else ""
        return Unauthenticated(
            f"{said}. {profile.endpoint} does not accept the token that this client got by the "
            f"{profile.sign_in}.{named} Ask the provider whether it lets that identity in."
        )
    if profile.expired and profile.expires_at is not None:
        moment = profile.expires_at.isoformat(timespec="seconds")
        return TokenExpired(
            f"The token for {profile.endpoint} expired at {moment}. Ask the provider for a new activation "
            "link, then activate it into the same profile file with --force."
        )
    return Unauthenticated(
        f"{said}. {profile.endpoint} does not accept the token in the profile file; it "
        "may have been rotated or revoked. Ask the provider for a new activation link."
    )

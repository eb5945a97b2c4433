"""HTTP to a provider's API: the bearer goes to the profile's endpoint and nowhere else.

Answers are bounded (`bounds`), redirects are refused, passing faults are retried for a few seconds, and
whatever comes back is what a reader made of the body (`answers`) or one of our errors. File contents travel
elsewhere (`downloads.connection`), without credentials.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
)
from yarl import URL

from model_sharing import bounds
from model_sharing.answers import origin_of, read_bounded
from model_sharing.trace_context import trace_headers
from model_sharing_protocol.errors import (
    NotASharingServer,
    ResourceExhausted,
    ServerUnreachable,
    SharingError,
    TokenExpired,
    Unauthenticated,
    UnsupportedOperation,
    error_from_open_sharing,
)
from model_sharing_protocol.open_sharing import ErrorAnswer
from model_sharing_protocol.profile import Profile

NOT_MODIFIED = 304
_ATTEMPTS = 4
_GIVE_UP_AFTER_SECONDS = 8.0
_LONGEST_WAIT_SECONDS = 3.0
_PASSING_STATUSES = frozenset({429, 502, 503, 504})

T = TypeVar("T")
Reader = Callable[[aiohttp.ClientResponse], Awaitable[T]]
OpenSocket = Callable[[aiohttp.AddrInfoType], socket.socket]


class _Passing(Exception):
    """A fault that may be gone in a moment. `final` is what to raise if it is not."""

    def __init__(self, final: SharingError, retry_after: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.retry_after = retry_after


class Transport:
    """Calls to one provider. `profile` is asked at each call, so that a renewed token is picked up.

    `open_socket` may refuse, by an OSError, the address that is about to be connected to.
    Use it as an async context manager, or call `close`.
    """

    def __init__(self, profile: Callable[[], Profile], open_socket: OpenSocket | None = None) -> None:
        self._profile = profile
        self._open_socket = open_socket
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
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
    ) -> T:
        """What `read` makes of the answer to an idempotent call of `path` below the endpoint.

        With a `tag` the answer may be NOT_MODIFIED, with nothing to read. Raises the error that the provider
        answered with; ServerUnreachable, NotASharingServer or TokenExpired for the rest.
        """
        profile = self._profile()
        if profile.kind != "bearer_token":
            raise UnsupportedOperation(
                f"The profile's type is {profile.kind!r}; this client signs in with a bearer token. "
                "Ask the provider for a version 1 profile."
            )
        headers = {"Authorization": f"Bearer {profile.bearer_token}", **trace_headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if tag:
            headers["If-None-Match"] = tag
        url = profile.endpoint + path
        try:
            async for attempt in _retrying():
                with attempt:
                    return await self._once(method, url, read, headers=headers, params=params, body=body)
        except _Passing as passing:
            raise passing.final from passing.__cause__
        except Unauthenticated as error:
            raise _explain_refused_token(error, profile) from error
        raise AssertionError("tenacity either returns or raises")

    async def get_public(self, url: str, read: Reader[T]) -> T:
        """One GET without credentials and without retries (an activation link works only once)."""
        try:
            return await self._once("GET", url, read, headers={})
        except _Passing as passing:
            raise passing.final from passing.__cause__

    async def _once(
        self,
        method: str,
        url: str,
        read: Reader[T],
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> T:
        origin = origin_of(url)
        try:
            async with asyncio.timeout(bounds.ANSWER_SECONDS):
                # Interim answers, and headers that come byte by byte, start `sock_read` again and again.
                async with asyncio.timeout(bounds.HEAD_SECONDS):
                    response = await self._open_session().request(
                        method,
                        URL(url, encoded=True),
                        headers=headers,
                        params=params,
                        data=body,
                        allow_redirects=False,
                    )
                async with response:
                    unchanged = response.status == NOT_MODIFIED and "If-None-Match" in headers
                    if response.status != 200 and not unchanged:
                        raise await _error(response, origin)
                    return await read(response)
        except TimeoutError as error:
            raise _Passing(
                ServerUnreachable(f"{origin} did not answer in time. Check the network, then try again.")
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            # It is a ValueError, too; and to try again does not help.
            raise ServerUnreachable(_unreachable(origin, error)) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise NotASharingServer(f"{origin} is not an address that can be called.") from error
        except aiohttp.ClientResponseError:
            # Not `from` it: it holds the request's headers, and shows them.
            raise NotASharingServer(f"{origin} answered with something that is not HTTP.") from None
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise _Passing(ServerUnreachable(_unreachable(origin, error))) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=self._open_socket),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=bounds.CONNECT_SECONDS, sock_read=bounds.HEAD_SECONDS
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
            )
        return self._session


async def _error(response: aiohttp.ClientResponse, origin: str) -> Exception:
    """The error that an answer other than 200 stands for."""
    status = response.status
    if status == NOT_MODIFIED:
        return NotASharingServer(f"{origin} answered 'not modified' to somebody who holds nothing yet.")
    if 300 <= status < 400:
        return NotASharingServer(
            f"{origin} answered with a redirect ({status}), which is not followed, since the token belongs "
            "to this address alone. Check the endpoint in the profile file."
        )
    if status in _PASSING_STATUSES:
        busy = f"{origin} is busy or down (HTTP {status}). Try again later."
        final: SharingError = ResourceExhausted(busy) if status == 429 else ServerUnreachable(busy)
        return _Passing(final, _retry_after(response.headers.get("Retry-After")))
    body = await read_bounded(response, bounds.ERROR_BYTES)
    try:
        answer = msgspec.json.decode(body, type=ErrorAnswer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return NotASharingServer(
            f"{origin} answered HTTP {status} with something that is no OpenSharing message. "
            "Check the endpoint in the profile file."
        )
    message = answer.message or f"{origin} answered HTTP {status} without saying more. Ask the provider."
    token = response.request_info.headers.get("Authorization", "").removeprefix("Bearer ")
    if token:  # which some server's words repeat
        message = message.replace(token, "…")
    return error_from_open_sharing(status, answer.error_code, message)


def _explain_refused_token(error: Unauthenticated, profile: Profile) -> Unauthenticated:
    if profile.expired and profile.expires_at is not None:
        moment = profile.expires_at.isoformat(timespec="seconds")
        return TokenExpired(
            f"The token for {profile.endpoint} expired at {moment}. Ask the provider for a new activation "
            "link, then activate it into the same profile file with --force."
        )
    return Unauthenticated(
        f"{error.message.rstrip('.')}. {profile.endpoint} does not accept the token in the profile file; it "
        "may have been rotated or revoked. Ask the provider for a new activation link."
    )


def _retrying() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(_Passing),
        stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(_GIVE_UP_AFTER_SECONDS),
        wait=_wait,
        reraise=True,
    )


_backoff = wait_exponential(multiplier=0.1, max=_LONGEST_WAIT_SECONDS)


def _wait(state: RetryCallState) -> float:
    """As long as the server asked for, within reason; else exponentially longer."""
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, _Passing) and error.retry_after is not None:
        return min(error.retry_after, _LONGEST_WAIT_SECONDS)
    return _backoff(state)


def _retry_after(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) <= 6 else None


def _unreachable(origin: str, error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return (
            f"{origin} cannot be reached safely: its TLS certificate was not accepted. "
            "If the provider has an authority of its own, name its certificate in SSL_CERT_FILE."
        )
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"{origin} cannot be reached: the host name is not known. Check the network and the endpoint."
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            f"{origin} cannot be reached: {error.os_error.strerror or 'no connection'}. "
            "Check the network, and that the provider's server runs."
        )
    return f"{origin} broke the connection off. Try again."

"""Network errors between this machine and a provider, each as one of our errors.

`TransientError` is what may be gone in a moment: a server in trouble, a line that broke. The rest is final.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from model_sharing.transport import bounds
from model_sharing.transport.response_reader import read_bounded
from model_sharing_protocol.error_responses import error_from_open_sharing
from model_sharing_protocol.errors import (
    InternalError,
    InvalidProfile,
    NotASharingServer,
    ServerUnreachable,
    SharingError,
    TooManyRequests,
)
from model_sharing_protocol.network.proxies import Proxy
from model_sharing_protocol.open_sharing import ErrorAnswer

if TYPE_CHECKING:
    from email.message import Message

    from model_sharing.transport.http_response import Response

    Headers = Mapping[str, str] | Message

_NOT_MODIFIED = 304
_TOO_MANY_REQUESTS = 429
_FULL = 507
_WHO_ASKS = frozenset({401, 407})  # 401 is Tinyproxy's word for a wrong password
_REFUSALS = frozenset({401, 403, 407})
_INTERNAL = 500
_BUSY = frozenset({429, 503})
_PASSING = frozenset({408, 425, 429})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)

_NOT_SERVED = frozenset({404, 405})


class PathNotServed(NotASharingServer):
    """404 or 405, not in the protocol's words: a path, or a method, that the server does not have.

    Within the transport alone: to users it is a NotASharingServer.
    """


class TransientError(Exception):
    """Transient error, which may be gone in a moment. `final` is what to raise if it is not.

    `reason` says it in a few words. `retry_after` is in how many seconds the server wants to be asked again;
    what is `brief` is gone very soon, or not at all; after an `unsent` one nothing can have arrived.
    """

    def __init__(
        self,
        final: SharingError,
        reason: str,
        retry_after: float | None = None,
        *,
        brief: bool = False,
        unsent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.final = final
        self.reason = reason
        self.retry_after = retry_after
        self.brief = brief
        self.unsent = unsent


class NotConnected(OSError):
    """Connection that could not be made, because of `error`: nothing can have been sent."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.error = error


def is_transient(status: int) -> bool:
    """True for the HTTP status of a server that is in trouble, busy, or was not asked in time."""
    return status in _PASSING or status >= 500


async def error_from_response(response: Response, origin: str, proxy: Proxy | None) -> Exception:
    """Error for a response other than 200."""
    status = response.status
    if status == _NOT_MODIFIED:
        return NotASharingServer(f"{origin} answered 'not modified' to an unconditional request.")
    if 300 <= status < 400:
        return NotASharingServer(
            f"{origin} answered with a redirect ({status}), which is not followed, since the token belongs "
            "to this address alone. Check the endpoint in the profile file."
        )
    body = await read_bounded(response, bounds.ERROR_BYTES)
    error = _provider_error(response, body, origin)
    if is_transient(status):
        return _server_trouble(response, origin, proxy, error)
    if error is not None:
        return error
    if proxy is not None and status in _REFUSALS:
        return proxy_refusal(proxy, status, origin)  # no provider says it without words of the protocol
    kind = PathNotServed if status in _NOT_SERVED else NotASharingServer
    return kind(
        f"{origin} answered HTTP {status} with a response that is not an OpenSharing message. "
        "Check the endpoint in the profile file."
    )


def proxy_refusal(proxy: Proxy, status: int, origin: str) -> Exception:
    """Error for a proxy that answered for itself, instead of passing a request on."""
    if status in _WHO_ASKS:
        return ServerUnreachable(
            f"The proxy {proxy} wants to know who asks (HTTP {status}), and "
            + ("does not accept" if proxy.authorization else "was not given")
            + " a user's name and password. Write them into HTTPS_PROXY and HTTP_PROXY, as "
            f"http://user:password@{proxy.host}:{proxy.port}."
        )
    final = ServerUnreachable(
        f"The proxy {proxy} does not connect to {origin} (HTTP {status}). Ask those who run it to allow "
        "that, or list the host in NO_PROXY if it can be reached without."
    )
    if is_transient(status):
        return TransientError(final, f"the proxy {proxy} does not reach {origin} ({status})", unsent=True)
    return final


@dataclass(frozen=True, slots=True)
class Peer:
    """Server that a request goes to, as errors tell of it: its role, and what to check if it is not there.

    `unusable` is the class of error for an address that cannot be called.
    """

    role: str
    check: str
    unusable: type[SharingError]


PROVIDER = Peer("", "that the provider's server runs", NotASharingServer)
SIGN_IN = Peer(", where this client signs in,", "the address in the profile", InvalidProfile)


@contextlib.contextmanager
def translated_network_errors(
    origin: str, proxy: Proxy | None = None, peer: Peer = PROVIDER
) -> Iterator[None]:
    """Raise one of our errors, or TransientError, for a request that had no answer, or no HTTP."""
    import http.client  # noqa: PLC0415 - only what asks a server needs it

    try:
        yield
    except TimeoutError as error:
        final = ServerUnreachable(
            f"{origin}{peer.role} did not answer in time. Check the network, then try again."
        )
        if isinstance(error, bounds.TooSlow):
            raise final from error
        raise TransientError(final, f"{origin} did not answer in time") from error
    except NotConnected as error:
        raise _error_without_connection(error, origin, proxy, peer) from error
    except (OSError, http.client.IncompleteRead) as error:
        reason = f"{origin} broke the connection off"
        raise TransientError(ServerUnreachable(f"{reason}. Try again."), reason) from error
    except (http.client.InvalidURL, ValueError) as error:
        raise peer.unusable(f"{origin} is not an address that can be called.") from error
    except http.client.HTTPException as error:
        raise NotASharingServer(f"{origin}{peer.role} answered with something that is not HTTP.") from error


def _error_without_connection(
    failed: NotConnected, origin: str, proxy: Proxy | None, peer: Peer
) -> Exception:
    """Error for a connection that could not be made."""
    import socket  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    error = failed.error
    if isinstance(error, ssl.SSLError):
        final = ServerUnreachable(
            f"{origin}{peer.role} cannot be reached safely: its TLS certificate was not accepted. If the "
            "provider, or a proxy that looks inside, has an authority of its own, name its certificate in "
            "SSL_CERT_FILE."
        )
        return (
            final
            if isinstance(error, ssl.SSLCertVerificationError)
            else TransientError(final, f"{origin}{peer.role} cannot be reached safely")
        )
    if isinstance(error, socket.gaierror):
        what = f"the proxy {proxy}" if proxy else "it"
        final = ServerUnreachable(
            f"{origin}{peer.role} cannot be reached: the host name of {what} is not known. "
            + ("Check HTTPS_PROXY and HTTP_PROXY." if proxy else "Check the network and the endpoint.")
        )
        return TransientError(final, f"{origin}{peer.role} cannot be reached", brief=True, unsent=True)
    reason = error.strerror or "no connection"
    final = ServerUnreachable(
        f"{origin}{peer.role} cannot be reached"
        + (
            f" through the proxy {proxy}: {reason}. Check HTTPS_PROXY and HTTP_PROXY."
            if proxy
            else f": {reason}. Check the network, and {peer.check}."
        )
    )
    return TransientError(final, f"{origin}{peer.role} cannot be reached", unsent=True)


def request_suffix(headers: Headers) -> str:
    """Suffix ` (request …)`, by which an operator finds the request in the log; empty without an id."""
    request_id = headers.get("X-Request-Id") or ""
    return f" (request {request_id})" if _REQUEST_ID.fullmatch(request_id) else ""


def retry_after(headers: Headers) -> float | None:
    """Seconds until the server wants to be asked again, from either form of `Retry-After`."""
    text = (headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _epoch_seconds(text)
    if moment is None:
        return None
    now = _epoch_seconds(headers.get("Date") or "")  # of the same clock
    return max(0.0, moment - (time.time() if now is None else now))


def _epoch_seconds(date: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few responses have such a date

    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _provider_error(response: Response, body: bytes, origin: str) -> SharingError | None:
    """Error in the provider's own words; None for somebody else's body, such as a gateway's page."""
    try:
        answer = msgspec.json.decode(body, type=ErrorAnswer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    message = (
        answer.message or f"{origin} answered HTTP {response.status} without saying more. Ask the provider."
    )
    token = response.sent.get("Authorization", "").removeprefix("Bearer ")
    if token:  # which some server's words repeat
        message = message.replace(token, "…")
    request_id = request_suffix(response.headers)
    return error_from_open_sharing(response.status, answer.error_code, message.rstrip() + request_id)


def _server_trouble(
    response: Response, origin: str, proxy: Proxy | None, error: SharingError | None
) -> TransientError:
    """Error for a server that cannot answer now: it is asked again, and then counts as not reached."""
    status, wait = response.status, retry_after(response.headers)
    state = "is busy or down" if status in _BUSY else "is in trouble"
    behind = f" behind the proxy {proxy}" if proxy else ""
    asked = "" if not wait else f" It asks to be tried again in {wait:.0f} s."
    words = f": {error.message}" if error else request_suffix(response.headers)
    message = f"{origin}{behind} {state} (HTTP {status}){words}.{asked} Try again later."
    final: SharingError
    if status == _TOO_MANY_REQUESTS:
        final = TooManyRequests(message, math.ceil(wait or 1))
    elif status == _INTERNAL and isinstance(error, InternalError):
        final = error  # in the provider's words
    else:
        final = ServerUnreachable(message)
    if status == _FULL:  # somebody has to make room, which nobody does while a call waits
        return TransientError(final, f"{origin} has a full disk", brief=True)
    return TransientError(final, f"{origin} {state} ({status})", wait)

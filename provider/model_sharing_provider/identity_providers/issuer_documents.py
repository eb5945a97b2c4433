"""Documents of issuers by HTTP: bounded in time and size, without redirects, and within the egress rules."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from model_sharing_protocol.errors import InvalidParameter, InvalidState, IssuerUnavailable, Unauthenticated
from model_sharing_protocol.network.plain_http import origin_of
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.network.request_options import request_options_through
from model_sharing_provider.governance.issuers import check_issuer_url
from model_sharing_provider.identity_providers.strict_json import parse_object
from model_sharing_provider.remote_providers.egress import Egress

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

OAUTH_STATUSES = (200, 400, 401)
"""Statuses of a token endpoint: a token, or an error in JSON (RFC 6749, section 5.2)."""
DOCUMENT_BYTES = 512 * 1024
_SECONDS = 10.0


class IssuerDocuments:
    """Documents of issuers, within the egress rules. Nothing is remembered: see `issuer_keys`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def fetch(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object.

        Raises Unauthenticated for an answer that cannot be used, and IssuerUnavailable for none.
        """
        return (await self._ask(url, _Request()))[1]

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Send a form; return the status, one of `OAUTH_STATUSES`, and the JSON object of the answer.

        Raises as `fetch` does.
        """
        return await self._ask(url, _Request("POST", OAUTH_STATUSES, form, headers))

    async def _ask(self, url: str, request: _Request) -> tuple[int, dict[str, Any]]:
        from aiohttp import ClientError  # noqa: PLC0415 - slow to import

        origin = origin_of(url)
        try:
            check_issuer_url(url)
            open_socket = await self._egress.socket_opener(url)
            async with asyncio.timeout(_SECONDS):
                status, body = await _send(url, request, open_socket)
            return status, parse_object(body)
        except (InvalidParameter, InvalidState) as error:
            raise Unauthenticated(f"The issuer at {origin} may not be asked: {error.message}") from error
        except TimeoutError as error:
            raise IssuerUnavailable(f"The issuer at {origin} did not answer in time.") from error
        except _Unusable as error:
            raise Unauthenticated(f"The issuer at {origin} sent an unusable answer: {error}.") from error
        except (ClientError, OSError) as error:
            if getattr(error, "errno", None) == errno.EACCES:
                raise Unauthenticated(
                    f"The issuer at {origin} may not be asked: its address is not in the networks of "
                    "MODEL_SHARING_PROVIDER_ALLOWED_ISSUER_NETWORKS."
                ) from error
            raise IssuerUnavailable(f"The issuer at {origin} cannot be reached.") from error
        except ValueError as error:
            raise Unauthenticated(f"The issuer at {origin} sent an answer that is not valid JSON.") from error


@dataclass(frozen=True, slots=True)
class _Request:
    """Request to an issuer, and the statuses of answers that are read."""

    method: str = "GET"
    statuses: tuple[int, ...] = (200,)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class _Unusable(Exception):
    """Answer that is not to be read."""


async def _send(url: str, request: _Request, open_socket: Any) -> tuple[int, bytes]:
    """Status and body of a response. Raises _Unusable for another status, a large body or an encoded one."""
    import aiohttp  # noqa: PLC0415 - slow to import
    from yarl import URL  # noqa: PLC0415

    connector = aiohttp.TCPConnector(
        socket_factory=open_socket or _open_socket, force_close=True, limit=1, use_dns_cache=False
    )
    proxy = proxy_for(url) if open_socket is None else None
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", **request.headers}
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session,
        session.request(
            request.method,
            URL(url, encoded=True),
            data=request.form,
            allow_redirects=False,
            **request_options_through(proxy, url, headers),
        ) as response,
    ):
        if response.status not in request.statuses:
            raise _Unusable(f"the status {response.status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unusable("it is compressed, which was not asked for")
        body = bytearray()
        while piece := await response.content.readany():
            body += piece
            if len(body) > DOCUMENT_BYTES:
                raise _Unusable(f"it is larger than {DOCUMENT_BYTES} bytes")
        return response.status, bytes(body)


def _open_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)

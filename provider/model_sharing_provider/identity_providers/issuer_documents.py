"""Documents of issuers by HTTP: bounded in time and size, without redirects, and within the egress rules."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import aiohttp
from yarl import URL

from model_sharing_protocol.errors import InvalidParameter, InvalidState, IssuerUnavailable, Unauthenticated
from model_sharing_protocol.network.plain_http import origin_of
from model_sharing_protocol.network.proxies import proxy_for
from model_sharing_protocol.network.request_options import request_options_through
from model_sharing_provider.governance.issuers import check_issuer_url
from model_sharing_provider.identity_providers.strict_json import parse_object
from model_sharing_provider.remote_providers.egress import Egress

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
        origin = origin_of(url)
        try:
            check_issuer_url(url)
            open_socket = await self._egress.socket_opener(url)
            async with asyncio.timeout(_SECONDS):
                return parse_object(await _get(url, open_socket))
        except (InvalidParameter, InvalidState) as error:
            raise Unauthenticated(f"The issuer at {origin} may not be asked: {error.message}") from error
        except TimeoutError as error:
            raise IssuerUnavailable(f"The issuer at {origin} did not answer in time.") from error
        except _Unusable as error:
            raise Unauthenticated(f"The issuer at {origin} sent an unusable answer: {error}.") from error
        except (aiohttp.ClientError, OSError) as error:
            if getattr(error, "errno", None) == errno.EACCES:
                raise Unauthenticated(
                    f"The issuer at {origin} may not be asked: its address is not in the networks of "
                    "MODEL_SHARING_PROVIDER_ALLOWED_ISSUER_NETWORKS."
                ) from error
            raise IssuerUnavailable(f"The issuer at {origin} cannot be reached.") from error
        except ValueError as error:
            raise Unauthenticated(f"The issuer at {origin} sent an answer that is not valid JSON.") from error


class _Unusable(Exception):
    """Answer that is not to be read."""


async def _get(url: str, open_socket: Any) -> bytes:
    """Body of a response. Raises _Unusable for a status other than 200, and for a large or encoded one."""
    connector = aiohttp.TCPConnector(
        socket_factory=open_socket or _open_socket, force_close=True, limit=1, use_dns_cache=False
    )
    proxy = proxy_for(url) if open_socket is None else None
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session,
        session.get(
            URL(url, encoded=True), allow_redirects=False, **request_options_through(proxy, url, headers)
        ) as response,
    ):
        if response.status != 200:
            raise _Unusable(f"the status {response.status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unusable("it is compressed, which was not asked for")
        body = bytearray()
        while piece := await response.content.readany():
            body += piece
            if len(body) > DOCUMENT_BYTES:
                raise _Unusable(f"it is larger than {DOCUMENT_BYTES} bytes")
        return bytes(body)


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    return socket.socket(family, kind, protocol)
